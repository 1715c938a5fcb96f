import { DBOSClient } from "@dbos-inc/dbos-sdk";

const systemDatabaseUrl = "postgresql://postgres:dbos@localhost:5432/approval_dbos_sys";
const client = await DBOSClient.create({ systemDatabaseUrl });
await client.send("expense-17", { by: "Grace", isApproved: true }, "decide");
await client.destroy();
