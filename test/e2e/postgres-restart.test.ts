import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { type GrpcCaller, grpcCaller, type Refusal } from "../support/grpc-caller.js";
import { openSandbox, type Sandbox, type ServerProcess } from "../support/processes.js";
import { until } from "../support/until.js";

const unavailable = 14;
const deadlineExceeded = 4;
const deadlineMs = 3_000;
/** A call is answered by its deadline; a busy machine may notice a little late. */
const slackMs = 2_000;

let sandbox: Sandbox;
let server: ServerProcess;
let caller: GrpcCaller;

beforeAll(async () => {
  sandbox = await openSandbox();
  server = await sandbox.startServer();
  caller = grpcCaller(server.address);
});

afterAll(async () => {
  caller?.close();
  await sandbox.close();
});

test.each([
  { how: "killed with -9", signal: "SIGKILL" },
  { how: "stopped in order", signal: "SIGINT" },
] as const)(
  "Postgres $how under load: calls fail with UNAVAILABLE or wait within their deadline, the server recovers, nothing acknowledged is lost",
  { timeout: 90_000 },
  async ({ signal }) => {
    onTestFailed(() => console.error(sandbox.tell()));
    const load = startLoad(signal);
    await until("the load is acknowledged", () => load.acknowledged.length >= 100);
    const before = await server.postmasterPid();
    process.kill(before, signal);
    await until(
      "another Postgres runs",
      () =>
        server.postmasterPid().then(
          (pid) => pid !== before,
          () => false,
        ),
      { withinMs: 30_000 },
    );
    const atRecovery = load.acknowledged.length;
    await until("calls succeed again", () => load.acknowledged.length >= atRecovery + 100, {
      withinMs: 30_000,
    });
    await load.stop();

    expect(load.otherErrors).toEqual([]);
    expect(load.slowestMs()).toBeLessThan(deadlineMs + slackMs);
    expect(server.output()).not.toContain("a call failed by a fault of the server");
    expect(await (await fetch(`http://${server.address}/readyz`)).text()).toBe("ready\n");
    await expectAllThere(signal, load.acknowledged);
    await expectTasksFlow(signal);
  },
);

interface Load {
  /** Ids of workflows whose start was acknowledged. */
  readonly acknowledged: string[];
  /** Errors that callers should not see. */
  readonly otherErrors: string[];
  slowestMs(): number;
  stop(): Promise<void>;
}

/** Starts and reads workflows without pause. Every start that fails is tried again, with its request id, until it is acknowledged. */
function startLoad(name: string): Load {
  const acknowledged: string[] = [];
  const otherErrors: string[] = [];
  let slowest = 0;
  let isOver = false;

  async function tryOnce(call: () => Promise<unknown>): Promise<boolean> {
    const begunAt = Date.now();
    const refusal = await call().then(
      () => undefined,
      (error: Refusal) => error,
    );
    const tookMs = Date.now() - begunAt;
    slowest = Math.max(slowest, tookMs);
    if (refusal !== undefined && !isExpected(refusal, tookMs))
      otherErrors.push(`after ${tookMs} ms: ${refusal.message}`);
    return refusal === undefined;
  }

  async function startOneAfterAnother(lane: number): Promise<void> {
    for (let index = 0; !isOver; index++) {
      const workflowId = `${name}-${lane}-${index}`;
      const request = {
        requestId: workflowId,
        spec: { workflowId, workflowType: "Patient", taskQueue: name },
      };
      const start = () =>
        caller.call(WorkflowService.method.startWorkflow, request, { deadline: Date.now() + deadlineMs });
      while (!(await tryOnce(start))) await pause();
      acknowledged.push(workflowId);
    }
  }

  async function readOneAfterAnother(): Promise<void> {
    while (!isOver) {
      const isRead = await tryOnce(() =>
        caller.call(
          WorkflowService.method.listWorkflows,
          { pageSize: 10 },
          { deadline: Date.now() + deadlineMs },
        ),
      );
      if (!isRead) await pause();
    }
  }

  const lanes = [...[1, 2, 3, 4, 5, 6, 7, 8].map(startOneAfterAnother), readOneAfterAnother()];
  return {
    acknowledged,
    otherErrors,
    slowestMs: () => slowest,
    async stop() {
      isOver = true;
      await Promise.all(lanes);
    },
  };
}

/** A call may be refused because of the database, or wait for it until its deadline. */
function isExpected({ code }: Refusal, tookMs: number): boolean {
  return code === unavailable || (code === deadlineExceeded && tookMs >= deadlineMs - 100);
}

/** What a client does that was told to try again. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

async function expectAllThere(name: string, acknowledged: readonly string[]): Promise<void> {
  const found: string[] = [];
  for (let pageToken = ""; ; ) {
    const page = await caller.call(WorkflowService.method.listWorkflows, {
      filter: { workflowIdPrefix: `${name}-` },
      pageSize: 1_000,
      pageToken,
    });
    found.push(...page.workflows.map(({ workflowId }) => workflowId));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  // One run each: the same request id never starts a second one.
  expect(found.toSorted()).toEqual(acknowledged.toSorted());
}

/** Takes some of the tasks that were made before, during and after. */
async function expectTasksFlow(taskQueue: string): Promise<void> {
  const { tasks } = await caller.call(WorkerService.method.pollWorkflowTasks, { taskQueue, maxTasks: 10 });
  expect(tasks.length).toBeGreaterThan(0);
  const { outcomes } = await caller.call(WorkerService.method.completeWorkflowTasks, {
    completions: tasks.map(({ taskToken }) => ({
      taskToken,
      commands: [{ kind: { case: "completeWorkflow" as const, value: {} } }],
    })),
  });
  expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(tasks.map(() => "accepted"));
}
