import { toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { type WorkflowTask, WorkflowTaskSchema } from "../../gen/pawl/v1/task_pb.js";
import { silentLog } from "../../src/sdk/replay/log.js";
import { createLocalReplayer } from "../../src/sdk/worker/local-replayer.js";
import { createRunCache } from "../../src/sdk/worker/run-cache.js";
import { sealTask } from "../../src/sdk/worker/sealed-tasks.js";
import { type WorkflowDefinition, workflow } from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";
import { taskOf } from "./worker-harness.js";

const block = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const open = (definition: WorkflowDefinition<never, unknown>, turnLimitMs: number) => {
  const warned: unknown[] = [];
  const logger = { info() {}, warn: (...said: unknown[]) => void warned.push(said) };
  const workflows = new Map([["Echo", definition as WorkflowDefinition]]);
  const madeBy = { buildId: "b", sdk: "s" };
  const cache = createRunCache(10);
  const parts = { workflows, cache, workflowLogger: silentLog, madeBy, turnLimitMs, logger };
  return { replayer: createLocalReplayer(parts), warned };
};
const firstTask = (definition: WorkflowDefinition<never, unknown>) => {
  const run = startFakeRun(definition);
  run.startTask();
  return taskOf(run, { token: "t" });
};
const seal = (task: WorkflowTask) => sealTask(toBinary(WorkflowTaskSchema, task));

test("a turn that holds the worker's own thread too long is warned of once it is over, and its task completes", async () => {
  const blocking = workflow("Echo", async () => {
    await null;
    block(60);
  });
  const { replayer, warned } = open(blocking, 30);
  expect((await replayer.replay(seal(firstTask(blocking)))).kind).toBe("completed");
  const fields = { workflowType: "Echo", workflowId: "w", runId: "run-1", tookMs: expect.any(Number) };
  expect(warned).toEqual([["workflow code held the worker's thread too long", fields]]);
});

test("the time of other runs between the turns is not counted", async () => {
  const waiting = workflow("Echo", async (ctx) =>
    ctx.local("wait", () => new Promise((resolve) => setTimeout(resolve, 60))),
  );
  const { replayer, warned } = open(waiting, 30);
  expect((await replayer.replay(seal(firstTask(waiting)))).kind).toBe("completed");
  expect(warned).toEqual([]);
});

test("a run that is not kept as far as its task goes on from wants its history", async () => {
  const waiting = workflow("Echo", async (ctx) => ctx.sleep(1));
  const { replayer } = open(waiting, 1_000);
  const task = firstTask(waiting);
  expect((await replayer.replay(seal(task))).kind).toBe("completed");
  replayer.forget("run-1");
  expect(await replayer.replay(seal({ ...task, historyAfterEventId: 3 }))).toEqual({ kind: "needs-history" });
});
