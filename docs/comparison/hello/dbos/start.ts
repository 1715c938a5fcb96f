import { DBOSClient } from "@dbos-inc/dbos-sdk";
import type { hello } from "./worker.js";

const systemDatabaseUrl = "postgresql://postgres:dbos@localhost:5432/hello_dbos_sys";
const client = await DBOSClient.create({ systemDatabaseUrl });
const run = await client.enqueue<typeof hello>({ workflowName: "hello", queueName: "hello" }, "Ada");
console.log(await run.getResult());
await client.destroy();
