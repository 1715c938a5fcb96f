import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFailed, onTestFinished, test } from "vitest";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { isRunning } from "../../src/server/postgres/postmaster.js";
import { type GrpcCaller, grpcCaller, type Refusal } from "../support/grpc-caller.js";
import { freePort, openSandbox, type Sandbox } from "../support/processes.js";
import { until } from "../support/until.js";

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await openSandbox();
});
afterAll(() => sandbox.close());

const graceMs = 10_000;

test("SIGTERM under open polls answers them empty, ends within the grace time with code 0, and loses nothing", {
  timeout: 60_000,
}, async () => {
  const server = await sandbox.startServer();
  const postmaster = await server.postmasterPid();
  const caller = callerOf(server.address);
  await start(caller, "waited-for");
  const wait = { seconds: 50n };
  const open = [
    ...Array.from({ length: 20 }, (_, index) =>
      caller.call(WorkerService.method.pollWorkflowTasks, { taskQueue: `empty-${index}`, wait }),
    ),
    ...Array.from({ length: 20 }, (_, index) =>
      caller.call(WorkerService.method.pollActivityTasks, { taskQueue: `empty-${index}`, wait }),
    ),
  ];
  const result = caller.call(WorkflowService.method.getWorkflowResult, { workflowId: "waited-for", wait });
  await until("all polls are open", async () => (await countPollers(server.address)) >= 40);

  const writing = writeUntilRefused(caller);
  await until("some writes are acknowledged", () => writing.acknowledged.length >= 50);
  const askedAt = Date.now();
  const { code } = await server.stop();
  const tookMs = Date.now() - askedAt;

  for (const poll of open) expect((await poll).tasks).toEqual([]);
  expect((await result).outcome).toBeUndefined();
  expect(code, server.output()).toBe(0);
  expect(server.output()).not.toMatch(/"level":"(error|fatal)"/);
  expect(tookMs).toBeLessThan(graceMs);
  for (const refusal of await writing.refusals) expect(refusal.code).toBe(14);
  expect(await isRunning(postmaster)).toBe(false);

  const next = await sandbox.startServer();
  const reader = callerOf(next.address);
  const { count } = await reader.call(WorkflowService.method.countWorkflows, {});
  expect(Number(count)).toBeGreaterThanOrEqual(writing.acknowledged.length + 1);
  for (const workflowId of ["waited-for", ...writing.acknowledged]) {
    const { events } = await reader.call(WorkflowService.method.getHistory, { workflowId });
    expect(events.map((event) => event.kind.case)).toEqual(["workflowStarted", "workflowTaskScheduled"]);
  }
  await next.stop();
});

test("a second server of the same folder takes over, and the last to leave stops Postgres", {
  timeout: 60_000,
}, async () => {
  const first = await sandbox.startServer({ data: "shared" });
  const second = await sandbox.startServer({ data: "shared" });
  const postmaster = await first.postmasterPid();
  expect(await second.postmasterPid()).toBe(postmaster);
  const poll = callerOf(second.address).call(WorkerService.method.pollWorkflowTasks, {
    taskQueue: "taken-over",
    wait: { seconds: 20n },
  });
  const byFirst = callerOf(first.address);
  await start(byFirst, "begun-on-first", "taken-over");
  const [task] = (await poll).tasks;
  expect(task?.workflowId).toBe("begun-on-first");

  expect((await first.stop()).code).toBe(0);
  expect(await isRunning(postmaster)).toBe(true);
  const bySecond = callerOf(second.address);
  const { outcomes } = await bySecond.call(WorkerService.method.completeWorkflowTasks, {
    completions: [
      {
        taskToken: task?.taskToken ?? new Uint8Array(),
        commands: [
          { kind: { case: "completeWorkflow", value: { result: { body: { case: "json", value: "1" } } } } },
        ],
      },
    ],
  });
  expect(outcomes[0]?.outcome.case).toBe("accepted");
  expect((await second.stop()).code).toBe(0);
  expect(await isRunning(postmaster)).toBe(false);
});

test("the example run once ends with its result line and code 0, and leaves no process", {
  timeout: 120_000,
}, async () => {
  onTestFailed(() => console.error(sandbox.tell()));
  const dataDir = join(sandbox.folder, "example");
  const example = sandbox.runNode(
    "examples/order/run.ts",
    ["--port", String(await freePort()), "--data-dir", dataDir],
    { env: { ONCE: "1" } },
  );
  await example.waitForOutput(/starting 100 orders/, 40_000);
  await example.waitForOutput(/^RESULT /m, 40_000);
  const { code } = await example.ended;
  expect(example.standardOutput().trimEnd().split("\n").at(-1)).toBe(
    'RESULT {"orders":100,"completed":85,"refunded":15,"failed":0}',
  );
  expect(code).toBe(0);
  expect(await processesNaming(dataDir)).toEqual([]);
});

function callerOf(address: string): GrpcCaller {
  const caller = grpcCaller(address);
  onTestFinished(() => caller.close());
  return caller;
}

async function start(caller: GrpcCaller, workflowId: string, taskQueue = "nobody-listens"): Promise<void> {
  const spec = { workflowId, workflowType: "Patient", taskQueue };
  await caller.call(WorkflowService.method.startWorkflow, { spec });
}

/** How many polls wait in a server, by its own metrics. */
async function countPollers(address: string): Promise<number> {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  return [...text.matchAll(/^pawl_pollers\{.*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}

/** Starts workflows without pause, a few at a time, until the server refuses. */
function writeUntilRefused(caller: GrpcCaller) {
  const acknowledged: string[] = [];
  const write = async (lane: number): Promise<Refusal> => {
    for (let index = 0; ; index++) {
      const workflowId = `written-${lane}-${index}`;
      const refusal = await start(caller, workflowId).then(
        () => undefined,
        (error: Refusal) => error,
      );
      if (refusal !== undefined) return refusal;
      acknowledged.push(workflowId);
    }
  };
  return { acknowledged, refusals: Promise.all([1, 2, 3, 4].map(write)) };
}

/** The command lines of running processes that name a path. */
async function processesNaming(path: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.filter((line) => line.includes(path));
}
