import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import {
  QuerySchema,
  UpdateRequestSchema,
  type WorkflowTask,
  WorkflowTaskSchema,
} from "../../gen/pawl/v1/task_pb.js";
import { workflow } from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";
import { type FakeAnswers, untilGone } from "./fake-server.js";
import { accepted, collect, echo, pollOf, stale, start, started, taskOf } from "./worker-harness.js";

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
  const bad = workflow("Echo", async () => {
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

test("renews the lease of a workflow task that takes long", async () => {
  const renewed = collect<string>();
  const task = taskOf(started(1), { token: "long" });
  task.startTime = timestampFromMs(1_000_000);
  task.deadlineTime = timestampFromMs(1_000_300);
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

test("says at once that a workflow has no handler for queries and updates", async () => {
  const answered = collect<object>();
  const completed = collect<object>();
  const [q1, q2] = ["q1", "q2"].map((queryId) => create(QuerySchema, { queryId, name: "state" }));
  if (q1 === undefined || q2 === undefined) throw new Error("there are two queries");
  const updates = [create(UpdateRequestSchema, { updateId: "u1", name: "set" })];
  const task = { ...taskOf(started("hello"), { token: "t" }), queries: [q1], updates };
  const asked = started("hello");
  await asked.completeTask();
  const alone = create(WorkflowTaskSchema, {
    runId: "run-9",
    workflowType: "Echo",
    history: asked.events,
    isQueryOnly: true,
    queries: [q2],
  });
  await start(
    {
      pollWorkflowTasks: pollOf([[task, alone]]),
      completeWorkflowTasks({ completions }) {
        completed.push(...completions);
        return { outcomes: completions.map(() => accepted) };
      },
      answerQueries({ answers }) {
        answered.push(...answers);
        return {};
      },
    },
    { workflows: [echo] },
  );
  const message = 'workflow Echo has no handler for the query "state"; it has none';
  expect(await answered.atLeast(1)).toMatchObject([
    { queryId: "q2", outcome: { case: "failure", value: { message } } },
  ]);
  const [completion] = await completed.atLeast(1);
  expect(completion).toMatchObject({ queryAnswers: [{ queryId: "q1", outcome: { case: "failure" } }] });
  expect(completion).toMatchObject({
    commands: [
      {
        kind: {
          case: "rejectUpdate",
          value: {
            updateId: "u1",
            failure: { message: 'workflow Echo has no handler for the update "set"; it has none' },
          },
        },
      },
      { kind: { case: "scheduleActivity" } },
    ],
  });
});

test.each([
  ["that comes in pages", 0],
  ["of a run that left the cache", 3],
])("a long history %s is read to its end", async (_, after) => {
  const long = workflow("Echo", async (ctx, _input: unknown) => {
    for (let n = 0; n < 40; n++) await ctx.activity("step", n);
    return "end";
  });
  const run = startFakeRun(long, null);
  for (let n = 1; n <= 40; n++) {
    await run.task();
    run.complete(n);
  }
  run.startTask();
  const pages = 7;
  const asked = collect<string>();
  const completed = collect<unknown>();
  const perPage = Math.ceil(run.events.length / pages);
  const page = (n: number) => run.events.slice(n * perPage, (n + 1) * perPage);
  // A first page, or what is new for who has the run in memory.
  const events = after === 0 ? page(0) : run.events.slice(after);
  const task = { ...taskOf(run, { token: "t", after, events }), nextPageToken: after === 0 ? "1" : "" };
  await start(
    {
      pollWorkflowTasks: pollOf([[task]]),
      getHistory({ pageToken }) {
        asked.push(pageToken);
        const n = Number(pageToken || 0);
        return { events: page(n), nextPageToken: n + 1 < pages ? String(n + 1) : "" };
      },
      completeWorkflowTasks({ completions }) {
        completed.push(...completions.map(({ commands }) => commands.map(({ kind }) => kind.case)));
        return { outcomes: completions.map(() => accepted) };
      },
    },
    { workflows: [long] },
  );
  expect(await completed.atLeast(1)).toEqual([["completeWorkflow"]]);
  const further = ["1", "2", "3", "4", "5", "6"];
  expect(asked.items).toEqual(after === 0 ? further : ["", ...further]);
});
