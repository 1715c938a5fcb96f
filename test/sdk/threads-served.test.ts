import { beforeAll, expect, test } from "vitest";
import { createWorker, type WorkerOptions } from "../../src/sdk/worker/index.js";
import type { WorkflowDefinition } from "../../src/sdk/workflow/index.js";
import { useRealServer } from "./real-server.js";
import { collect } from "./worker-harness.js";
import {
  collectGarbage,
  counted,
  foreign,
  healthy,
  leave,
  returns,
  slow,
  spin,
  spinApart,
  throws,
  whereabouts,
} from "./workflow-modules/bad.js";

const server = useRealServer();
const workflows = new URL("./workflow-modules/bad.ts", import.meta.url);
const workflowExecArgv = ["--import", "tsx"];
const said = collect<unknown[]>();
const hear = (level: string) => (message: string, fields?: object) => said.push([level, message, fields]);

beforeAll(async () => {
  const workflowLogger = {
    debug: hear("debug"),
    info: hear("info"),
    warn: hear("warn"),
    error: hear("error"),
  };
  await server.work({ workflows, workflowExecArgv, turnLimitMs: 500, workflowLogger });
});

/** Starts a run and waits for the failure of its first task. */
const failureOf = async <I>(workflow: WorkflowDefinition<I, unknown>, input: I, taskQueue = "default") => {
  const run = await server.client.start(workflow, input, { taskQueue });
  const failure = async () => (await run.describe()).pendingWorkflowTask?.lastFailure?.message;
  await expect.poll(failure, { timeout: 20_000 }).toBeDefined();
  const message = await failure();
  await run.terminate();
  return message;
};

test("code that holds its thread fails its own task, named, and the other runs go on", async () => {
  const runs = await Promise.all(Array.from({ length: 5 }, () => server.client.start(healthy, 3)));
  expect(await failureOf(spin, null)).toMatch(
    /^workflow code of Spin \(.*, run .*\) held its thread for more than 0.5 s at .*bad\.ts:1\d:\d+\)?: do long computations in an activity/,
  );
  expect(await Promise.all(runs.map((run) => run.result()))).toEqual(runs.map(() => 3));
  expect(await (await server.client.start(healthy, 1)).result()).toBe(1);
});

test("what holds the thread between turns is tried once more before its task fails", async () => {
  expect(await failureOf(spinApart, null)).toMatch(
    /^workflow code of SpinApart \(.*\) held its thread for more than 0.5 s at .*bad\.ts:2\d:/,
  );
});

test("code that ends its thread fails its own task", async () => {
  expect(await failureOf(leave, undefined)).toMatch(
    /^workflow code of Leave \(.*\) ended its thread with exit code 7: /,
  );
});

test("a turn below the limit only takes long", async () => {
  expect(await (await server.client.start(slow, 100)).result()).toBe("done all the same");
});

test("what code throws or returns that nothing can be made of fails its task and says so", async () => {
  const messages = [
    await failureOf(throws, "text"),
    await failureOf(throws, "nothing"),
    await failureOf(returns, "function"),
    await failureOf(returns, "bigint"),
    await failureOf(returns, "cycle"),
  ];
  expect(messages).toEqual([
    "just a text",
    "workflow code threw nothing",
    "a function can't be sent: JSON has no form for it",
    "a bigint can't be sent: JSON has no form for it",
    expect.stringMatching(/^the object can't be sent as JSON: Converting circular structure to JSON/),
  ]);
});

test("a foreign promise is found in a thread, too, with its place", async () => {
  expect(await failureOf(foreign, null)).toMatch(
    /awaited a promise that Pawl did not make at .*bad\.ts:\d+:/,
  );
});

test("what code says in a thread comes to the worker's logger, even what can't go between threads", async () => {
  said.items.length = 0;
  const run = await server.client.start(healthy, 1);
  await run.result();
  const [entry] = await said.atLeast(1);
  const fields = {
    workflowType: "Healthy",
    workflowId: run.workflowId,
    rounds: 1,
    notForThreads: "[Function: notForThreads]",
  };
  expect(entry).toMatchObject(["info", "is done", fields]);
});

test("two threads share the runs, and the end of one is made good", async () => {
  const taskQueue = "two-threads";
  await server.work({ workflows, workflowExecArgv, workflowThreads: 2, taskQueue });
  const threadsOf = async (runs: number) => {
    const ids = Array.from({ length: runs }, () =>
      server.client.execute(whereabouts, undefined, { taskQueue }),
    );
    return new Set(await Promise.all(ids));
  };
  const before = await threadsOf(30);
  expect(before.size).toBe(2);
  expect(await failureOf(leave, undefined, taskQueue)).toMatch(/ended its thread with exit code 7/);
  const after = await threadsOf(30);
  expect(after.size).toBe(2);
  expect([...after].filter((id) => before.has(id))).toHaveLength(1);
});

test.each([
  { cacheMegabytes: 1, begins: 2 },
  { cacheMegabytes: 1_000, begins: 1 },
])(
  "runs leave a cache of $cacheMegabytes MB when memory is short, and go on rightly: their code begins $begins times",
  async ({ cacheMegabytes, begins }) => {
    const taskQueue = `cache-${cacheMegabytes}`;
    await server.work({ workflows, workflowExecArgv, cacheMegabytes, taskQueue });
    const words = ["a", "b", "c", "d"];
    const runs = await Promise.all(words.map((word) => server.client.start(counted, word, { taskQueue })));
    for (const run of runs) await run.signal("go", "one");
    const isWaiting = async () => {
      const described = await Promise.all(runs.map((run) => run.describe()));
      return described.every(({ pendingWorkflowTask }) => pendingWorkflowTask === undefined);
    };
    await expect.poll(isWaiting, { timeout: 5_000 }).toBe(true);
    await server.client.execute(collectGarbage, undefined, { taskQueue });
    for (const run of runs) await run.signal("go", "two");
    const results = await Promise.all(runs.map((run) => run.result()));
    expect(results).toEqual(words.map((word) => ({ said: `${word} one two`, begins })));
  },
);

test.each<[string, WorkerOptions["workflows"], RegExp]>([
  [
    "is missing",
    new URL("./workflow-modules/missing.ts", import.meta.url),
    /^there is no workflow module .*missing\.ts: give workflows as new URL/,
  ],
  ["throws", "test/sdk/workflow-modules/throwing.ts", /could not be loaded: Error: no configuration/],
])("a worker whose module %s does not start", async (_, module, message) => {
  const worker = createWorker({ workflows: module ?? [], workflowExecArgv });
  await expect(worker.start()).rejects.toThrow(message);
  await worker.stop();
});
