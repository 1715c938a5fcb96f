import { DBOSClient } from "@dbos-inc/dbos-sdk";
import type { approval } from "./worker.js";

const systemDatabaseUrl = "postgresql://postgres:dbos@localhost:5432/approval_dbos_sys";
const client = await DBOSClient.create({ systemDatabaseUrl });
const options = { workflowName: "approval", queueName: "approval", workflowID: "expense-17" };
const run = await client.enqueue<typeof approval>(options, "expense 17");
console.log(await run.getResult());
await client.destroy();
