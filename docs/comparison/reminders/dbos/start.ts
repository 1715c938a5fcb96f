import { DBOSClient } from "@dbos-inc/dbos-sdk";
import type { reminders } from "./worker.js";

const systemDatabaseUrl = "postgresql://postgres:dbos@localhost:5432/reminders_dbos_sys";
const client = await DBOSClient.create({ systemDatabaseUrl });
const options = { workflowName: "reminders", queueName: "reminders", workflowID: "reminders-INV-7" };
const run = await client.enqueue<typeof reminders>(options, "INV-7");
console.log(await run.getResult());
await client.destroy();
