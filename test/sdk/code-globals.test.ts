import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { replayHistory } from "../../src/sdk/replay/replay-history.js";
import { type WorkflowContext, workflow } from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

const begin = (code: (ctx: WorkflowContext) => Promise<unknown>) => startFakeRun(workflow("W", code));
/** What the code returned, by the command that ends its run. */
const resultOf = async (run: ReturnType<typeof begin>) => {
  const [last] = (await run.task()).slice(-1);
  if (last?.kind.case !== "completeWorkflow") throw new Error(`the run did not end, but: ${last?.kind.case}`);
  const { body } = last.kind.value.result ?? { body: { case: undefined } };
  return body.case === "json" ? JSON.parse(body.value) : undefined;
};

test("clocks in workflow code show the time of the run, and random numbers come out the same again", async () => {
  const look = () => ({
    now: Date.now(),
    date: new Date(),
    text: Date(),
    clock: performance.now(),
    random: Math.random(),
    uuids: [crypto.randomUUID(), randomUUID()],
    bytes: [...crypto.getRandomValues(new Uint8Array(4))],
  });
  const code = async (ctx: WorkflowContext) => {
    const first = look();
    await ctx.sleep(5);
    return [ctx.now(), first, look()];
  };
  const run = begin(code);
  await run.task();
  run.fire(1);
  const [now, first, second] = await resultOf(run);
  expect(first).toMatchObject({ now: 1_003_000, date: "1970-01-01T00:16:43.000Z", clock: 2_000 });
  expect(first.text).toContain("1970");
  expect(second.date).toBe(now);
  expect(new Set([...first.uuids, ...second.uuids]).size).toBe(4);
  expect(first.random).not.toBe(second.random);
  // The history holds what was returned, so a second execution must return the same.
  expect((await replayHistory(workflow("W", code), run.events)).kind).toBe("completed");
});

test.each<[string, () => unknown, string]>([
  ["setTimeout", () => setTimeout(() => {}, 1), "wait with ctx.sleep"],
  ["setInterval", () => setInterval(() => {}, 1), "wait with ctx.sleep"],
  ["setImmediate", () => setImmediate(() => {}), "wait with ctx.sleep"],
  ["setTimeout", () => wait(1), "wait with ctx.sleep"],
  ["AbortSignal.timeout", () => AbortSignal.timeout(1), "wait with ctx.sleep"],
  ["fetch", () => fetch("http://127.0.0.1:1/"), "do it in an activity, or in ctx.local"],
])("%s is refused in workflow code, with the place and what to use", async (name, call, instead) => {
  const run = begin(async () => void (await call()));
  run.startTask();
  const result = await run.completeTask();
  const message = result.kind === "failed" ? result.failure.message : result.kind;
  expect(message).toContain(`${name} can't be used in workflow code (at `);
  expect(message).toContain("code-globals.test.ts:");
  expect(message).toContain(instead);
});

test("outside of workflow code, and in local steps and side effects, globals are what they were", async () => {
  const run = begin(async (ctx) => {
    const local = await ctx.local("now", async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return Date.now();
    });
    return [local, ctx.sideEffect("now", () => Date.now())];
  });
  const before = Date.now();
  for (const time of await resultOf(run)) expect(time).toBeGreaterThanOrEqual(before);
  expect(new Date() instanceof Date).toBe(true);
  expect(new Date().constructor).toBe(Date);
  expect(new Date(2020, 1, 3).getMonth()).toBe(1);
  class Day extends Date {}
  expect(new Day(0)).toBeInstanceOf(Day);
});

test("queries, conditions and validators see the time of the run, and may not draw random numbers", async () => {
  const run = begin(async (ctx) => {
    ctx.onQuery("now", () => Date.now());
    ctx.onQuery("random", () => Math.random());
    await ctx.condition(() => Date.now() > 2e12);
  });
  await run.task();
  expect(run.query("now")).toBe(1_003_000);
  expect(() => run.query("random")).toThrow("asked for: a random number");
  run.signal("any");
  expect(await run.task()).toEqual([]);
});
