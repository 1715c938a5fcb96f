import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { ClosedIdPolicy, OpenIdPolicy, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { type StartWorkflowResponse, WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { type GrpcCaller, grpcCaller, refusalOf } from "../support/grpc-caller.js";
import { openSandbox, type Sandbox, type ServerProcess } from "../support/processes.js";
import type { CommandInit } from "./bad-input/fixture.js";

let sandbox: Sandbox;
let database: TestDatabase;
let server: ServerProcess;
let caller: GrpcCaller;

beforeAll(async () => {
  sandbox = await openSandbox();
  database = await createTestDatabase();
  server = await sandbox.startServer({ databaseUrl: database.url });
  caller = grpcCaller(server.address);
});

afterAll(async () => {
  caller?.close();
  await sandbox.close();
  await database.drop();
});

const { method: wf } = WorkflowService;
const { method: wk } = WorkerService;

const earlier = ["open", "completed", "failed", "cancelled", "terminated"] as const;
type Earlier = (typeof earlier)[number];

const closedPolicies = [
  ClosedIdPolicy.UNSPECIFIED,
  ClosedIdPolicy.ALLOW,
  ClosedIdPolicy.ALLOW_IF_FAILED,
  ClosedIdPolicy.REJECT,
];
const openPolicies = [
  OpenIdPolicy.UNSPECIFIED,
  OpenIdPolicy.FAIL,
  OpenIdPolicy.USE_EXISTING,
  OpenIdPolicy.TERMINATE_EXISTING,
];

type Expected = "a new run" | "the existing run" | "a new run in its place" | "WORKFLOW_EXISTS";

function expected(state: Earlier, closed: ClosedIdPolicy, open: OpenIdPolicy): Expected {
  if (state === "open") {
    if (open === OpenIdPolicy.USE_EXISTING) return "the existing run";
    return open === OpenIdPolicy.TERMINATE_EXISTING ? "a new run in its place" : "WORKFLOW_EXISTS";
  }
  if (closed === ClosedIdPolicy.REJECT) return "WORKFLOW_EXISTS";
  return closed === ClosedIdPolicy.ALLOW_IF_FAILED && state === "completed" ? "WORKFLOW_EXISTS" : "a new run";
}

describe.each(earlier)("a start whose id has a run that is %s obeys its id policies", (state) => {
  const combinations = closedPolicies.flatMap((closed) =>
    openPolicies.map((open) => ({
      closed,
      open,
      outcome: expected(state, closed, open),
      closedName: ClosedIdPolicy[closed],
      openName: OpenIdPolicy[open],
    })),
  );

  test.each(combinations)(
    "gives, with $closedName and $openName, $outcome",
    async ({ closed, open, outcome }) => {
      const workflowId = `${state}-${closed}-${open}`;
      const first = await prepare(workflowId, state);
      const before = await read(workflowId, first.runId);
      const request = {
        requestId: `second-${workflowId}`,
        spec: {
          workflowId,
          workflowType: "Twin",
          taskQueue: workflowId,
          closedIdPolicy: closed,
          openIdPolicy: open,
        },
      };

      if (outcome === "WORKFLOW_EXISTS") {
        const refusal = await refusalOf(caller.call(wf.startWorkflow, request));
        expect(refusal).toMatchObject({ code: 6, reason: outcome, metadata: { run_id: first.runId } });
        expect(await read(workflowId, first.runId)).toEqual(before);
        expect((await describeRun(workflowId)).workflow?.runId).toBe(first.runId);
        return;
      }
      const second = await caller.call(wf.startWorkflow, request);
      const isNew = outcome !== "the existing run";
      expect({ isNew: second.runId !== first.runId, isStarted: second.isStarted }).toEqual({
        isNew,
        isStarted: isNew,
      });
      expect((await describeRun(workflowId)).workflow?.runId).toBe(second.runId);
      if (outcome === "a new run in its place") {
        const replaced = await describeRun(workflowId, first.runId);
        expect(replaced.workflow?.status).toBe(WorkflowStatus.TERMINATED);
      } else {
        expect(await read(workflowId, first.runId)).toEqual(before);
      }
      const repeat = await caller.call(wf.startWorkflow, request);
      expect({ runId: repeat.runId, isStarted: repeat.isStarted }).toEqual({
        runId: second.runId,
        isStarted: isNew,
      });
    },
  );
});

/** Starts a run and brings it into a state. */
async function prepare(workflowId: string, state: Earlier): Promise<StartWorkflowResponse> {
  const spec = { workflowId, workflowType: "Twin", taskQueue: workflowId };
  const started = await caller.call(wf.startWorkflow, { spec });
  if (state === "terminated") await caller.call(wf.terminateWorkflow, { workflowId });
  // No worker has touched it, so it is closed at once.
  if (state === "cancelled") await caller.call(wf.cancelWorkflow, { workflowId });
  if (state === "completed" || state === "failed") await close(workflowId, state);
  return started;
}

async function close(taskQueue: string, state: "completed" | "failed"): Promise<void> {
  const { tasks } = await caller.call(wk.pollWorkflowTasks, { taskQueue });
  const kind: CommandInit["kind"] =
    state === "completed"
      ? { case: "completeWorkflow", value: {} }
      : { case: "failWorkflow", value: { failure: { message: "no" } } };
  const { outcomes } = await caller.call(wk.completeWorkflowTasks, {
    completions: tasks.map(({ taskToken }) => ({ taskToken, commands: [{ kind }] })),
  });
  expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(["accepted"]);
}

async function read(workflowId: string, runId: string) {
  return (await caller.call(wf.getHistory, { workflowId, runId })).events;
}

function describeRun(workflowId: string, runId = "") {
  return caller.call(wf.getWorkflow, { workflowId, runId });
}
