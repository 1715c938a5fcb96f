/** Starts one order and fulfils it by direct operations against a running server: `npx tsx examples/direct/run.ts [http://127.0.0.1:7295]`. */
import { randomUUID } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { workOnCharges } from "./charge.js";
import { fulfil } from "./fulfil.js";

const baseUrl = process.argv[2] ?? "http://127.0.0.1:7295";
const transport = createConnectTransport({ baseUrl, httpVersion: "1.1" });
const worker = createClient(WorkerService, transport);
const stopping = new AbortController();

const { workflowId, runId } = await createClient(WorkflowService, transport).startWorkflow({
  spec: { workflowId: `order-${randomUUID()}`, workflowType: "fulfil" },
});
const charging = workOnCharges(worker, stopping.signal);
const result = await fulfil({ worker, workflowId, runId, newParcel: () => `P-${Date.now()}` });
stopping.abort();
await charging;
process.stdout.write(`RESULT ${JSON.stringify(result)}\n`);
