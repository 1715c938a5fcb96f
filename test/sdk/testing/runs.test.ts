import { expect, test, vi } from "vitest";
import { ApplicationFailure, WorkflowFailedError } from "../../../src/sdk/index.js";
import { sleep } from "../../../src/sdk/testing/index.js";
import {
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  workflow,
} from "../../../src/sdk/workflow/index.js";
import { kindsOf, open, startTime } from "./environments.js";

const add = defineSignal<number>("add");
const total = defineQuery<number>("total");
const takeOut = defineUpdate<number, number>("takeOut");

const till = workflow("Till", async (ctx, start: number) => {
  let cents = start;
  let isClosing = false;
  ctx.onSignal(add, (more) => {
    cents += more;
  });
  ctx.onQuery(total, () => cents);
  ctx.onSignal("close", () => {
    isClosing = true;
  });
  ctx.onUpdate(
    takeOut,
    async (less) => {
      await ctx.sleep("1 hour");
      cents -= less;
      return cents;
    },
    {
      validate: (less) => {
        if (less > cents) throw new ApplicationFailure("there is not so much in it");
      },
    },
  );
  await ctx.condition(() => isClosing && ctx.areHandlersDone);
  return cents;
});

test("signals, queries and updates with validators reach the run", async () => {
  const env = open({ workflows: [till] });
  const handle = await env.start(till, 100);
  await handle.signal(add, 20);
  await handle.signal(add, 3);
  expect(await handle.query(total)).toBe(123);
  await expect(handle.update(takeOut, 1_000)).rejects.toThrow("there is not so much in it");
  const before = env.now().getTime();
  expect(await handle.update(takeOut, 23)).toBe(100);
  expect(env.now().getTime() - before).toBe(3_600_000);
  await expect(handle.query("other")).rejects.toThrow('has no handler for the query "other"');
  await handle.signal("close");
  expect(await handle.result()).toBe(100);
  expect(await handle.query(total)).toBe(100);
  await expect(handle.signal(add, 1)).rejects.toMatchObject({ reason: "WORKFLOW_CLOSED" });
});

test("an update with the id of another is the same; one that its run did not answer fails", async () => {
  const env = open({ workflows: [till] });
  const handle = await env.start(till, 10);
  const [first, again] = [1, 1].map((less) => handle.update(takeOut, less, { updateId: "u" }));
  expect(await Promise.all([first, again])).toEqual([9, 9]);
  env.after("30m", () => handle.terminate("enough"));
  await expect(handle.update(takeOut, 1)).rejects.toThrow("the run closed (TERMINATED) before it answered");
});

test("a run is cancelled, and cleans up", async () => {
  const cleaning = workflow("Cleaning", async (ctx, _: null) => {
    try {
      await ctx.sleep("10 days");
    } catch (error) {
      await ctx.activity("clean", isCancellation(error));
      throw error;
    }
  });
  const clean = vi.fn();
  const env = open({ workflows: [cleaning], activities: { clean } });
  const handle = await env.start(cleaning, null);
  await env.sleep("1 day");
  await handle.cancel("no more");
  await expect(handle.result()).rejects.toMatchObject({ status: "CANCELLED" });
  expect(clean).toHaveBeenCalledWith(true, expect.anything());
});

test("runs are described, read, listed and counted", async () => {
  const env = open({ workflows: [till] });
  const searchAttributes = { customer: "ada", cents: 5 };
  const handle = await env.start(till, 5, { workflowId: "t-1", searchAttributes, memo: { note: "first" } });
  await env.start(till, 6, { workflowId: "t-2" });
  await env.idle();
  const { workflow: record, waitingFor } = await handle.describe();
  expect(record).toMatchObject({ workflowId: "t-1", workflowType: "Till", namespace: "main" });
  expect(waitingFor).toEqual(["Waits for a signal: nothing else is pending."]);
  await handle.terminate();
  expect((await handle.describe()).outcome?.value.case).toBe("failure");
  expect(await kindsOf(env.client.history("t-1"))).toEqual([
    ...["workflowStarted", "workflowTaskScheduled", "workflowTaskStarted", "workflowTaskCompleted"],
    "workflowTerminated",
  ]);
  const ids = async (filter: Parameters<typeof env.client.list>[0]) => {
    const found: string[] = [];
    for await (const run of env.client.list(filter)) found.push(run.workflowId);
    return found;
  };
  const equals = { value: { case: "number" as const, value: 5 } };
  const range = { from: equals, to: { value: { case: "number" as const, value: 6 } } };
  const keyword = (value: string) => ({ value: { case: "keyword" as const, value } });
  const by = (name: string, condition: object) => ({ searchAttributes: [{ name, condition }] }) as never;
  expect((await ids({})).sort()).toEqual(["t-1", "t-2"]);
  expect(await ids({ workflowIdPrefix: "t-2", workflowType: "Till" })).toEqual(["t-2"]);
  expect(await ids({ workflowType: "Other" })).toEqual([]);
  expect(await ids(by("cents", { case: "equals", value: equals }))).toEqual(["t-1"]);
  expect(await ids(by("cents", { case: "range", value: range }))).toEqual(["t-1"]);
  expect(await ids(by("customer", { case: "equals", value: keyword("ada") }))).toEqual(["t-1"]);
  expect(await ids(by("customer", { case: "equals", value: keyword("bob") }))).toEqual([]);
  expect(await ids(by("customer", { case: "range", value: range }))).toEqual([]);
  expect(await env.client.count()).toEqual({ count: 2, byStatus: { RUNNING: 1, TERMINATED: 1 } });
  await expect(env.handle("no-such").describe()).rejects.toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
  await expect(env.start(till, 1, { workflowId: "t-2" })).rejects.toMatchObject({
    reason: "WORKFLOW_EXISTS",
    codeName: "ALREADY_EXISTS",
  });
});

const child = workflow("Child", async (ctx, days: number) => {
  await ctx.sleep(`${days} days`);
  if (days === 13) throw new ApplicationFailure("bad luck");
  return days * 2;
});

test("children run, fail, and end with their parent as its policy says", async () => {
  const parent = workflow("Parent", async (ctx, _: null) => {
    await ctx.startChild(child, 100, { workflowId: "abandoned", parentClosePolicy: "abandon" });
    await ctx.startChild(child, 100, { workflowId: "ended", parentClosePolicy: "terminate" });
    await ctx.startChild(child, 100, { workflowId: "asked", parentClosePolicy: "request-cancel" });
    const failed = await ctx.child(child, 13).catch((error: Error) => String(error.cause));
    return [failed, await ctx.child(child, 2)];
  });
  const env = open({ workflows: [parent, child] });
  expect(await env.execute(parent, null)).toEqual([expect.stringContaining("bad luck"), 4]);
  expect(await env.handle(child, "abandoned").result()).toBe(200);
  await expect(env.handle("ended").result()).rejects.toMatchObject({ status: "TERMINATED" });
  await expect(env.handle("asked").result()).rejects.toMatchObject({ status: "CANCELLED" });
});

test("children that start at once are runs of their own", async () => {
  const parent = workflow("Parent", (ctx) => Promise.all([1, 2, 3].map((days) => ctx.child(child, days))));
  const env = open({ workflows: [parent, child] });
  expect(await env.execute(parent)).toEqual([2, 4, 6]);
});

test("a mocked child answers, fails, and takes its time", async () => {
  const parent = workflow("Parent", async (ctx, word: string) => {
    const slow = await ctx.child("Convert", word);
    const failed = await ctx.child("Convert", "bad").catch((error: Error) => String(error.cause));
    return [slow, failed];
  });
  const convert = vi.fn(async (word: string) => {
    await sleep("400 days");
    if (word === "bad") throw new ApplicationFailure("no such word");
    return word.toUpperCase();
  });
  const env = open({ workflows: [parent], mockedWorkflows: { Convert: convert } });
  expect(await env.execute(parent, "pawl")).toEqual(["PAWL", expect.stringContaining("no such word")]);
  expect(convert).toHaveBeenCalledTimes(2);
  expect(env.now().getTime() - Date.parse(startTime)).toBe(800 * 86_400_000);
});

test("runs signal and cancel each other", async () => {
  const sender = workflow("Sender", async (ctx, to: string) => {
    await ctx.external(to).signal(add, 5);
    await ctx.external(to).signal("close");
    const failed = await ctx
      .external("nobody")
      .cancel()
      .catch((error: Error) => error.message);
    return failed;
  });
  const env = open({ workflows: [sender, till] });
  const handle = await env.start(till, 1, { workflowId: "till" });
  expect(await env.execute(sender, "till")).toContain("nobody could not be reached");
  expect(await handle.result()).toBe(6);
});

test("a run goes on as a new one, with the signals that nobody took", async () => {
  const counter = workflow("Counter", async (ctx, count: number): Promise<number> => {
    await ctx.sleep("1 day");
    if (count < 3) return ctx.continueAsNew(count + 1);
    return count + ((await ctx.waitForSignal(add)) ?? 0);
  });
  const env = open({ workflows: [counter] });
  const handle = await env.start(counter, 0);
  await handle.signal(add, 100);
  expect(await handle.result()).toBe(103);
  expect((await env.client.count()).byStatus).toEqual({ CONTINUED_AS_NEW: 3, COMPLETED: 1 });
});

test("a workflow is tried again, and ends when its time is over", async () => {
  const failing = workflow("Failing", async (ctx, _: null) => {
    if (ctx.info.attempt < 3) throw new ApplicationFailure(`attempt ${ctx.info.attempt}`);
    return ctx.info.lastFailure?.message;
  });
  const env = open({ workflows: [failing, child] });
  expect(await env.execute(failing, null, { retry: { maximumAttempts: 3 } })).toBe("attempt 2");
  const late = env.execute(child, 10, { runTimeout: "3 days" });
  await expect(late).rejects.toMatchObject({ status: "TIMED_OUT" });
  await expect(late).rejects.toBeInstanceOf(WorkflowFailedError);
});

test("search attributes, memo, side effects, patches and local steps are recorded", async () => {
  const steps: number[] = [];
  const recording = workflow("Recording", async (ctx, _: null) => {
    ctx.upsertSearchAttributes({ stage: "begun" });
    ctx.upsertMemo({ note: "n" });
    const made = ctx.sideEffect("made", () => Math.random());
    const step = await ctx.local("step", () => steps.push(1));
    const isNew = ctx.patched("new-price");
    await ctx.sleep("1 day");
    return { ...ctx.info.searchAttributes, ...ctx.info.memo, step, isNew, isSame: made === ctx.info.attempt };
  });
  const env = open({ workflows: [recording] });
  expect(await env.execute(recording, null)).toEqual({
    ...{ stage: "begun", note: "n", step: 1, isNew: true, isSame: false },
  });
  expect(steps).toEqual([1]);
});

test("what comes in while code is about to end is recorded before the end, as by a server", async () => {
  const slow = workflow("Slow", async (ctx, _: null) =>
    ctx.local("slow", () => new Promise((resolve) => setTimeout(resolve, 20, "done"))),
  );
  const env = open({ workflows: [slow] });
  const handle = await env.start(slow, null, { workflowId: "s" });
  await new Promise((resolve) => setTimeout(resolve, 5));
  await handle.signal(add, 1);
  expect(await handle.result()).toBe("done");
  const kinds = await kindsOf(env.client.history("s"));
  expect(kinds.slice(-6)).toEqual([
    "signalReceived",
    ...["workflowTaskScheduled", "workflowTaskStarted", "workflowTaskCompleted"],
    ...["localActivityRecorded", "workflowCompleted"],
  ]);
});

test("waiting for a result can be cut short", async () => {
  const env = open({ workflows: [till] });
  const handle = await env.start(till, 1);
  const abort = new AbortController();
  const result = handle.result({ signal: abort.signal });
  abort.abort();
  await expect(result).rejects.toMatchObject({ codeName: "CANCELLED" });
});

test("a start that comes later waits, and the client's namespace is told to the run", async () => {
  const where = workflow("Where", async (ctx, _: null) => [ctx.info.namespace, ctx.now()]);
  const env = open({ workflows: [where], namespace: "tests" });
  const expected = ["tests", "2026-01-02T00:00:00.000Z"];
  expect(await env.execute(where, null, { startDelay: "1 day" })).toEqual(expected);
});

test("children that are kept go on under the run that goes on, which signals them, cancels them and hears of their end", async () => {
  const step = workflow("Step", async (ctx, name: string) => `${name} ${await ctx.signal("go").next()}`);
  const keeper = workflow("Keeper", async (ctx, round: number): Promise<unknown> => {
    if (round === 1) {
      await ctx.startChild(step, "done", { workflowId: "done" });
      await ctx.external("done").signal("go", "early");
      await ctx.sleep("1h");
      await ctx.startChild(step, "b", { workflowId: "b" });
      await ctx.startChild(step, "c", { workflowId: "c" });
    }
    if (round < 3) return ctx.continueAsNew(round + 1, { keepChildren: true });
    const [b, c, ...more] = ctx.keptChildren;
    if (b === undefined || c === undefined) throw new ApplicationFailure("there are two");
    c.cancel();
    await b.signal("go", "went");
    const cancelled = await c.result().catch((error: Error) => error.message);
    const own = await ctx.startChild(step, "own", { workflowId: "own" });
    await own.signal("go", "too");
    return [b.workflowId, await b.result(), cancelled, await own.result(), more.length];
  });
  const env = open({ workflows: [step, keeper] });
  expect(await env.execute(keeper, 1)).toEqual([
    "b",
    "b went",
    expect.stringContaining("was cancelled"),
    "own too",
    0,
  ]);
});
