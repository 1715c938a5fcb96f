import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, expect, test } from "vitest";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import {
  type ActivityTask,
  ActivityTaskSchema,
  type WorkflowTask,
  WorkflowTaskSchema,
} from "../../gen/pawl/v1/task_pb.js";
import {
  ApplicationFailure,
  CancelledFailure,
  createWorker,
  type Worker,
  type WorkerOptions,
} from "../../src/sdk/worker/index.js";
import { defineWorkflow } from "../../src/sdk/workflow/index.js";
import { type FakeRun, startFakeRun } from "./fake-run.js";
import { type FakeAnswers, FakeRefusal, startFakeServer, untilGone } from "./fake-server.js";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** A list that can be waited on. */
function collect<T>() {
  const items: T[] = [];
  const waiting: { count: number; resolve: (items: T[]) => void }[] = [];
  return {
    items,
    push(...more: T[]) {
      items.push(...more);
      for (const one of waiting) if (items.length >= one.count) one.resolve(items);
    },
    atLeast: (count: number) =>
      new Promise<T[]>((resolve) =>
        items.length >= count ? resolve(items) : waiting.push({ count, resolve }),
      ),
  };
}

/** Gives each batch of tasks to one poll; further polls wait until their caller goes. */
function pollOf<T>(batches: T[][]) {
  return async (_: unknown, { signal }: { readonly signal: AbortSignal }) => {
    const tasks = batches.shift();
    if (tasks === undefined) await untilGone(signal);
    return { tasks: tasks ?? [] };
  };
}

const accepted = { outcome: { case: "accepted" as const, value: {} } };
const stale = { outcome: { case: "error" as const, value: { code: 10, reason: 40, message: "stale" } } };
const quiet = { info() {}, warn() {} };
const echo = defineWorkflow("Echo", async (ctx, input: unknown) => ctx.activity("echo", input));

async function start(
  answers: FakeAnswers,
  options: WorkerOptions,
): Promise<{ worker: Worker; port: number; stopServer: () => void }> {
  const server = await startFakeServer(answers);
  const worker = createWorker({ address: server.address, logger: quiet, drainMs: 200, ...options });
  cleanUps.push(worker.stop, server.stop);
  await worker.start();
  return { worker, port: server.port, stopServer: server.stop };
}

function taskOf(
  run: FakeRun,
  fields: { readonly token: string; readonly after?: number; readonly events?: HistoryEvent[] },
): WorkflowTask {
  const after = fields.after ?? 0;
  return create(WorkflowTaskSchema, {
    taskToken: Buffer.from(fields.token),
    workflowId: "w",
    runId: "run-1",
    workflowType: "Echo",
    attempt: 1,
    startedEventId: run.events.length,
    history: fields.events ?? run.events.slice(after),
    historyAfterEventId: after,
  });
}

function started(input: unknown): FakeRun {
  const run = startFakeRun(echo, input);
  run.startTask();
  return run;
}

function activityTask(token: string, fields: Partial<ActivityTask> = {}): ActivityTask {
  return create(ActivityTaskSchema, {
    taskToken: Buffer.from(token),
    runId: "run-1",
    seq: 1,
    activityType: "work",
    attempt: 1,
    ...fields,
  });
}

test("finishes tasks that came together in one call", async () => {
  const calls = collect<number>();
  const tasks = [1, 2, 3].map((n) => ({ ...taskOf(started(n), { token: `t${n}` }), runId: `run-${n}` }));
  await start(
    {
      pollWorkflowTasks: pollOf([tasks]),
      completeWorkflowTasks({ completions }) {
        calls.push(completions.length);
        return { outcomes: completions.map(() => accepted) };
      },
    },
    { workflows: [echo] },
  );
  expect(await calls.atLeast(1)).toEqual([3]);
});

test("collects what is finished while calls are under way", async () => {
  const calls = collect<string[]>();
  const releases: (() => void)[] = [];
  await start(
    {
      pollActivityTasks: pollOf(
        [["a"], ["b"], ["c", "d", "e"]].map((batch) => batch.map((token) => activityTask(token))),
      ),
      async completeActivityTasks({ completions }) {
        calls.push(completions.map(({ target }) => String(Buffer.from(target.value as Uint8Array))));
        if (calls.items.length <= 2) await new Promise<void>((resolve) => releases.push(resolve));
        return { outcomes: completions.map(() => accepted) };
      },
    },
    { activities: { work: async () => "done" }, pollers: 1 },
  );
  await calls.atLeast(2);
  for (const release of releases) release();
  const all = await calls.atLeast(3);
  expect(all.flat().sort()).toEqual(["a", "b", "c", "d", "e"]);
  expect(all.length).toBeLessThan(5);
});

test("asks for as many tasks as it has room for", async () => {
  const asked = collect<number>();
  await start(
    {
      async pollActivityTasks({ maxTasks }, { signal }) {
        asked.push(maxTasks);
        if (asked.items.length === 1) return { tasks: [activityTask("a"), activityTask("b")] };
        await untilGone(signal);
        return {};
      },
    },
    { activities: { work: () => new Promise(() => {}) }, activitySlots: 5, pollers: 1 },
  );
  expect(await asked.atLeast(2)).toEqual([5, 3]);
});

test("goes on with a cached run, and reads the whole history when its place does not fit", async () => {
  const run = started("hello");
  const completed = collect<string>();
  const reads = collect<number>();
  const offered = collect<WorkflowTask>();
  const batches = [[taskOf(run, { token: "first" })]];
  await start(
    {
      async pollWorkflowTasks(_, { signal }) {
        const next = batches.shift();
        if (next !== undefined) return { tasks: next };
        const task = offered.items.shift();
        if (task !== undefined) return { tasks: [task] };
        await Promise.race([offered.atLeast(1), untilGone(signal)]);
        return { tasks: offered.items.splice(0) };
      },
      completeWorkflowTasks({ completions }) {
        completed.push(
          ...completions.map(
            ({ taskToken, commands }) => `${Buffer.from(taskToken)}: ${commands[0]?.kind.case}`,
          ),
        );
        return { outcomes: completions.map(() => accepted) };
      },
      getHistory() {
        reads.push(run.events.length);
        return { events: run.events };
      },
    },
    { workflows: [echo], pollers: 1 },
  );
  await completed.atLeast(1);
  await run.completeTask();
  run.complete(1, "back");
  run.startTask();
  offered.push(taskOf(run, { token: "second", after: 3 }));
  await completed.atLeast(2);
  expect(reads.items).toEqual([]);
  offered.push(taskOf(run, { token: "third", after: 3 }));
  expect(await completed.atLeast(3)).toEqual([
    "first: scheduleActivity",
    "second: completeWorkflow",
    "third: completeWorkflow",
  ]);
  expect(reads.items).toHaveLength(1);
});

test("drops a run whose completion came too late, and leaves its neighbours alone", async () => {
  const warned = collect<string>();
  const [late, fine] = [started(1), started(2)];
  const completed = collect<string>();
  let isFirst = true;
  const answers: FakeAnswers = {
    pollWorkflowTasks: pollOf([
      [taskOf(late, { token: "late" }), { ...taskOf(fine, { token: "fine" }), runId: "run-2" }],
    ]),
    completeWorkflowTasks({ completions }) {
      completed.push(...completions.map(({ taskToken }) => String(Buffer.from(taskToken))));
      const outcomes = completions.map((_, index) => (isFirst && index === 0 ? stale : accepted));
      isFirst = false;
      return { outcomes };
    },
    failWorkflowTasks({ failures }) {
      warned.push("failed");
      return { outcomes: failures.map(() => accepted) };
    },
  };
  const { worker } = await start(answers, { workflows: [echo] });
  expect(await completed.atLeast(2)).toEqual(["late", "fine"]);
  await worker.stop();
  expect(warned.items).toEqual([]);
});

test("fails the task of a bad workflow and goes on", async () => {
  const bad = defineWorkflow("Echo", async () => {
    throw new TypeError("oops");
  });
  const failures = collect<string>();
  await start(
    {
      pollWorkflowTasks: pollOf([[taskOf(started(1), { token: "a" })], [taskOf(started(1), { token: "b" })]]),
      failWorkflowTasks(request) {
        failures.push(...request.failures.map(({ cause, failure }) => `${cause} ${failure?.message}`));
        return { outcomes: request.failures.map(() => accepted) };
      },
    },
    { workflows: [bad], pollers: 1 },
  );
  expect(await failures.atLeast(2)).toEqual(["1 oops", "1 oops"]);
});

test("sends a call that is refused as a whole again in halves, so that one bad task fails alone", async () => {
  const completed = collect<string>();
  const failed = collect<string>();
  const tokens = ["a", "bad", "c", "d"];
  await start(
    {
      pollActivityTasks: pollOf([tokens.map((token) => activityTask(token))]),
      completeActivityTasks({ completions }) {
        const given = completions.map(({ target }) => String(Buffer.from(target.value as Uint8Array)));
        if (given.includes("bad")) throw new FakeRefusal(3, "INVALID_FIELD");
        completed.push(...given);
        return { outcomes: completions.map(() => accepted) };
      },
      failActivityTasks(request) {
        failed.push(...request.failures.map(({ failure }) => String(failure?.message)));
        return { outcomes: request.failures.map(() => accepted) };
      },
    },
    { activities: { work: async () => 1 } },
  );
  expect((await completed.atLeast(3)).sort()).toEqual(["a", "c", "d"]);
  expect(await failed.atLeast(1)).toEqual(["refused with INVALID_FIELD"]);
});

test("reports what an activity throws, floating promises included", async () => {
  const listeners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  cleanUps.unshift(() => {
    for (const listener of listeners) process.on("unhandledRejection", listener);
  });
  const failed = collect<unknown>();
  await start(
    {
      pollActivityTasks: pollOf([[activityTask("a"), activityTask("b", { activityType: "float" })]]),
      failActivityTasks({ failures }) {
        failed.push(...failures.map(({ failure }) => [failure?.message, failure?.kind]));
        return { outcomes: failures.map(() => accepted) };
      },
    },
    {
      activities: {
        async work() {
          throw new ApplicationFailure("declined", {
            type: "CardDeclined",
            isNonRetryable: true,
            nextRetryDelay: "5s",
          });
        },
        float() {
          void Promise.reject(new RangeError("left alone"));
          return new Promise(() => {});
        },
      },
    },
  );
  const delay = { seconds: 5n };
  expect(await failed.atLeast(2)).toMatchObject([
    [
      "declined",
      { case: "application", value: { type: "CardDeclined", nonRetryable: true, nextRetryDelay: delay } },
    ],
    ["left alone", { case: "application", value: { type: "RangeError" } }],
  ]);
});

test("cancels an activity by the answer to its heartbeat", async () => {
  const outcomes = collect<unknown>();
  await start(
    {
      pollActivityTasks: pollOf([[activityTask("a")]]),
      heartbeatActivityTasks: ({ heartbeats }) => ({
        outcomes: heartbeats.map(() => ({
          outcome: { case: "accepted" as const, value: { isCancelRequested: true } },
        })),
      }),
      completeActivityTasks({ completions }) {
        outcomes.push(...completions.map(({ outcome }) => outcome.case));
        return { outcomes: completions.map(() => accepted) };
      },
    },
    {
      activities: {
        work: (_, { heartbeat, signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
            heartbeat({ done: 1 });
          }),
      },
    },
  );
  expect(await outcomes.atLeast(1)).toEqual(["cancelled"]);
});

test("renews the lease of a workflow task that takes long", async () => {
  const renewed = collect<string>();
  const run = started(1);
  const last = run.events.at(-1);
  const task = taskOf(run, { token: "long" });
  task.deadlineTime = timestampFromMs(Number(last?.eventTime?.seconds ?? 0n) * 1_000 + 300);
  await start(
    {
      pollWorkflowTasks: pollOf([[task]]),
      completeWorkflowTasks: async ({ completions }) => {
        await renewed.atLeast(1);
        return { outcomes: completions.map(() => accepted) };
      },
      renewWorkflowTasks({ taskTokens }) {
        renewed.push(...taskTokens.map((token) => String(Buffer.from(token))));
        return { outcomes: taskTokens.map(() => accepted) };
      },
    },
    { workflows: [echo] },
  );
  expect(await renewed.atLeast(1)).toEqual(["long"]);
});

test("gives back what it holds when it stops", async () => {
  const drained = collect<string[]>();
  const begun = collect<string>();
  const { worker } = await start(
    {
      pollActivityTasks: pollOf([[activityTask("held")]]),
      drainWorker({ activityTaskTokens }) {
        drained.push(activityTaskTokens.map((token) => String(Buffer.from(token))));
        return {};
      },
    },
    {
      activities: {
        work: (_, { signal }) => {
          begun.push("work");
          return new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(new CancelledFailure())),
          );
        },
      },
      drainMs: 20,
    },
  );
  await begun.atLeast(1);
  await worker.stop();
  await worker.stop();
  expect(drained.items).toEqual([[], ["held"]]);
});

test("finishes what it has before it stops", async () => {
  const completed = collect<string>();
  const begun = collect<() => void>();
  const { worker } = await start(
    {
      pollActivityTasks: pollOf([[activityTask("a")]]),
      completeActivityTasks({ completions }) {
        completed.push("a");
        return { outcomes: completions.map(() => accepted) };
      },
    },
    { activities: { work: () => new Promise<void>((resolve) => begun.push(resolve)) }, drainMs: 10_000 },
  );
  const [finish] = await begun.atLeast(1);
  const stopped = worker.stop();
  finish?.();
  await stopped;
  expect(completed.items).toEqual(["a"]);
});

test("registers again at a server that does not know it", async () => {
  const registered = collect<string>();
  await start(
    {
      registerWorker({ worker }) {
        registered.push(String(worker?.workerId));
        return {};
      },
      async pollActivityTasks(_, { signal }) {
        if (registered.items.length === 1) throw new FakeRefusal(5, "WORKER_NOT_FOUND");
        await untilGone(signal);
        return {};
      },
    },
    { activities: { work: async () => 1 } },
  );
  const ids = await registered.atLeast(2);
  expect(new Set(ids).size).toBe(1);
});

test("survives a restart of the server, with what it finished meanwhile", async () => {
  const completed = collect<string>();
  const begun = collect<() => void>();
  const { port, stopServer } = await start(
    { pollActivityTasks: pollOf([[activityTask("before")]]) },
    {
      activities: {
        work: (input?: unknown) =>
          input !== undefined ? 1 : new Promise<void>((resolve) => begun.push(resolve)),
      },
    },
  );
  const [finish] = await begun.atLeast(1).then((all) => all);
  stopServer();
  finish?.();
  const input = { body: { case: "json" as const, value: '{"seq":1}' } };
  const server = await startFakeServer(
    {
      pollActivityTasks: pollOf([[create(ActivityTaskSchema, { ...activityTask("after"), input })]]),
      completeActivityTasks({ completions }) {
        completed.push(...completions.map(({ target }) => String(Buffer.from(target.value as Uint8Array))));
        return { outcomes: completions.map(() => accepted) };
      },
    },
    port,
  );
  cleanUps.push(server.stop);
  expect((await completed.atLeast(2)).sort()).toEqual(["after", "before"]);
});
