import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.js";
import { openSandbox, type Sandbox, type ServerProcess } from "../../test/support/processes.js";
import { workOnCharges } from "./charge.js";
import { fulfil } from "./fulfil.js";

let sandbox: Sandbox;
let database: TestDatabase;
let server: ServerProcess;

beforeAll(async () => {
  sandbox = await openSandbox();
  database = await createTestDatabase();
  server = await sandbox.startServer({ databaseUrl: database.url });
});

afterAll(async () => {
  await sandbox.close();
  await database.drop();
});

test("a worker with nothing but the generated client drives a whole workflow, run again from the top after every step", async () => {
  const transport = createConnectTransport({ baseUrl: `http://${server.address}`, httpVersion: "1.1" });
  const worker = createClient(WorkerService, transport);
  const workflows = createClient(WorkflowService, transport);
  const { runId } = await workflows.startWorkflow({
    spec: { workflowId: "order-1", workflowType: "fulfil" },
  });
  const stopping = new AbortController();
  const charging = workOnCharges(worker, stopping.signal);
  let parcels = 0;
  const place = { worker, workflowId: "order-1", runId, newParcel: () => `P-${++parcels}` };

  // Each time the function dies after one call more than the time before.
  for (let calls = 1; calls <= 3; calls++)
    await expect(fulfil({ ...place, worker: dyingAfter(worker, calls) })).rejects.toThrow("died");
  const result = await fulfil(place);
  expect(result).toEqual({ parcel: "P-1", receipt: `receipt ${runId}/2` });
  // And once more, when all is over.
  expect(await fulfil(place)).toEqual(result);

  const { outcome } = await workflows.getWorkflowResult({ workflowId: "order-1" });
  expect(outcome?.status).toBe(WorkflowStatus.COMPLETED);
  expect(JSON.parse(String(outcome?.value.case === "result" && outcome.value.value.body.value))).toEqual(
    result,
  );
  const { events } = await workflows.getHistory({ workflowId: "order-1", pageSize: 1_000 });
  const kinds = events.map(({ kind }) => kind.case).filter((kind) => !kind?.startsWith("workflowTask"));
  expect(kinds).toEqual([
    "workflowStarted",
    "sideEffectRecorded",
    "activityScheduled",
    "activityStarted",
    "activityCompleted",
    "timerScheduled",
    "timerFired",
    "workflowCompleted",
  ]);
  stopping.abort();
  await charging;
}, 30_000);

test("the example runs against a server by its command", async () => {
  const child = sandbox.run("npx", ["tsx", "examples/direct/run.ts", `http://${server.address}`]);
  const { code } = await child.ended;
  expect(code, child.output()).toBe(0);
  expect(child.standardOutput()).toMatch(/^RESULT \{"parcel":"P-\d+","receipt":"receipt [0-9a-f-]+\/2"\}$/m);
}, 30_000);

/** A client whose process dies when it has made so many calls: the call arrives, its answer does not. */
function dyingAfter<T extends object>(client: T, calls: number): T {
  let left = calls;
  return new Proxy(client, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== "function") return method;
      return async (...args: unknown[]) => {
        const answer: unknown = await Reflect.apply(method, target, args);
        left -= 1;
        if (left === 0) throw new Error("died");
        return answer;
      };
    },
  });
}
