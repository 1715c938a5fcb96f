import { expect, test, vi } from "vitest";
import {
  createTestEnvironment,
  DeadlockError,
  TestSetupError,
  WorkflowTaskFailedError,
} from "../../../src/sdk/testing/index.js";
import { rpcOf } from "../../../src/sdk/testing/rpc.js";
import { defineSignal, workflow } from "../../../src/sdk/workflow/index.js";
import { open, openBroken, startTime } from "./environments.js";

const shipped = defineSignal<string>("shipped");

const reminders = workflow("Reminders", async (ctx, days: number) => {
  for (let day = 0; day < days; day++) {
    await ctx.sleep("1 day");
    await ctx.activity("remind", day);
  }
  return "done";
});

const parcel = workflow("Parcel", async (ctx, limit: "3 days" | "1000 days") => {
  const found = await ctx.waitForSignal(shipped, { timeout: limit });
  return found ?? "late";
});

const waiter = workflow("Waiter", async (ctx, _: null) => ctx.waitForSignal(shipped));

/** Goes through a month, and tells how much of the processor that took, whatever others do with the rest of it. */
async function monthTookMs(): Promise<number> {
  const remind = vi.fn();
  const env = open({ workflows: [reminders], activities: { remind } });
  const before = process.cpuUsage();
  expect(await env.execute(reminders, 30)).toBe("done");
  const { user, system } = process.cpuUsage(before);
  expect(remind).toHaveBeenCalledTimes(30);
  expect(env.now()).toEqual(new Date("2026-01-31T00:00:00.000Z"));
  return (user + system) / 1_000;
}

test("a month with a reminder a day passes within 200 ms", async () => {
  const took: number[] = [];
  // The best of some: the first compiles the code.
  for (let round = 0; round < 3; round++) took.push(await monthTookMs());
  expect(Math.min(...took)).toBeLessThan(200);
});

test("time begins now, or when it is told", async () => {
  const before = Date.now();
  const env = createTestEnvironment();
  expect(env.now().getTime()).toBeGreaterThanOrEqual(before);
  expect(env.now().getTime()).toBeLessThanOrEqual(Date.now());
  await env.close();
  expect(open({}).now()).toEqual(new Date(startTime));
  expect(() => createTestEnvironment({ startTime: "yesterday" })).toThrow(RangeError);
});

test("the clock of workflow code is that of the environment", async () => {
  const clock = workflow("Clock", async (ctx, _: null) => {
    const before = ctx.now();
    await ctx.sleep("36 hours");
    return [before, ctx.now()];
  });
  const env = open({ workflows: [clock] });
  expect(await env.execute(clock, null)).toEqual(["2026-01-01T00:00:00.000Z", "2026-01-02T12:00:00.000Z"]);
});

test("time stands still while the test waits for nothing of the environment", async () => {
  const env = open({ workflows: [parcel] });
  const handle = await env.start(parcel, "3 days");
  await new Promise((resolve) => setTimeout(resolve, 20));
  await env.idle();
  expect(env.now()).toEqual(new Date(startTime));
  await handle.signal(shipped, "DHL");
  expect(await handle.result()).toBe("DHL");
  expect(env.now()).toEqual(new Date(startTime));
});

test("the test acts in the middle of time", async () => {
  const env = open({ workflows: [parcel] });
  const handle = await env.start(parcel, "3 days");
  await env.sleep("2 days");
  await handle.signal(shipped, "UPS");
  expect(await handle.result()).toBe("UPS");
  expect(env.now()).toEqual(new Date("2026-01-03T00:00:00.000Z"));
  expect(await env.execute(parcel, "3 days")).toBe("late");
});

test("what the test plans for later is done while it waits for something else, and time waits for it", async () => {
  const env = open({ workflows: [parcel] });
  const handle = await env.start(parcel, "3 days");
  env.after("2 days", async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await env.sleep("1 hour");
    await handle.signal(shipped, "GLS");
  });
  expect(await handle.result()).toBe("GLS");
  expect(env.now()).toEqual(new Date("2026-01-03T01:00:00.000Z"));
});

test("what a plan throws fails what the test waits for", async () => {
  const env = openBroken({ workflows: [parcel] });
  const handle = await env.start(parcel, "3 days");
  env.after("1 day", () => {
    throw new Error("the plan failed");
  });
  await expect(handle.result()).rejects.toThrow("the plan failed");
  await expect(env.close()).rejects.toThrow("the plan failed");
});

test("who sleeps until the same moment sees all that happens in it", async () => {
  const remind = vi.fn();
  const env = open({ workflows: [reminders], activities: { remind } });
  await env.start(reminders, 30);
  await env.sleep("1 day");
  expect(remind.mock.calls.map(([day]) => day)).toEqual([0]);
  await env.sleep("5 days");
  expect(remind.mock.calls.map(([day]) => day)).toEqual([0, 1, 2, 3, 4, 5]);
});

test("the order in which things happen is the same again", async () => {
  const racing = workflow("Racing", async (ctx, name: string) => {
    await Promise.all([1, 2, 3].map((step) => ctx.activity("note", `${name}${step}`)));
    await ctx.sleep("1 hour");
    await ctx.activity("note", `${name}4`);
    return [ctx.random(), ctx.uuid()];
  });
  const round = async () => {
    const noted: string[] = [];
    const env = open({
      workflows: [racing],
      activities: { note: async (what: string) => void noted.push(what) },
    });
    const handles = await Promise.all(["a", "b", "c"].map((name) => env.start(racing, name)));
    const results = await Promise.all(handles.map((handle) => handle.result()));
    return { noted, results };
  };
  const first = await round();
  expect(first.noted).toHaveLength(12);
  expect(await round()).toEqual(first);
});

test("a result that will never come is an error that says what every open run waits for", async () => {
  const env = openBroken({ workflows: [waiter, parcel] });
  const handle = await env.start(waiter, null, { workflowId: "w-1" });
  const begunAt = performance.now();
  const error = await handle.result().catch((thrown: unknown) => thrown);
  expect(performance.now() - begunAt).toBeLessThan(2_000);
  expect(error).toBeInstanceOf(DeadlockError);
  expect(String(error)).toContain('the result of workflow "w-1"');
  expect(String(error)).toContain('Waiter "w-1": the signal "shipped"');
  await handle.signal(shipped, "after all");
  expect(await handle.result()).toBe("after all");
  await env.close();
});

test("whoever does something else before a deadlock is told of is not told", async () => {
  const env = open({ workflows: [waiter] });
  const handle = await env.start(waiter, null);
  const result = handle.result();
  await new Promise((resolve) => setTimeout(resolve, 30));
  await handle.signal(shipped, "in time");
  expect(await result).toBe("in time");
});

test("a workflow that only ever waits for time ends in an error, not in a hang", async () => {
  const forever = workflow("Forever", async (ctx, _: null) => {
    for (;;) await ctx.sleep("3650 days");
  });
  const env = openBroken({ workflows: [forever] });
  await expect(env.execute(forever, null)).rejects.toThrow("within 100 years");
  await env.close();
});

test("a bug in workflow code fails what the test waits for, with what was thrown", async () => {
  const buggy = workflow("Buggy", async (ctx, _: null) => {
    await ctx.sleep("1s");
    throw new TypeError("no such method");
  });
  const env = openBroken({ workflows: [buggy] });
  const handle = await env.start(buggy, null, { workflowId: "b-1" });
  const error = await handle.result().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WorkflowTaskFailedError);
  expect(error).toMatchObject({ workflowType: "Buggy", workflowId: "b-1", isNonDeterminism: false });
  expect(String(error)).toContain("no such method");
  await expect(env.sleep("1s")).rejects.toBe(error);
  await expect(env.idle()).rejects.toBe(error);
  await expect(env.close()).rejects.toBe(error);
});

test("a promise that is not Pawl's is named", async () => {
  const foreign = workflow("Foreign", async (_, __: null) => {
    await new Promise(() => {});
  });
  const env = openBroken({ workflows: [foreign] });
  await expect(env.execute(foreign, null)).rejects.toThrow(/promise that Pawl did not make/);
  await expect(env.close()).rejects.toThrow();
});

test("code that the environment does not have is asked for", async () => {
  const caller = workflow("Caller", async (ctx, _: null) => ctx.activity("missing", 1));
  const parent = workflow("Parent", async (ctx, _: null) => ctx.child("Unknown", null));
  await expect(open({}).start("Unknown")).rejects.toThrow(
    "no workflow of type Unknown: give it in workflows",
  );
  for (const [definition, what] of [
    [caller, "no activity of type missing"],
    [parent, "no workflow of type Unknown"],
  ] as const) {
    const env = openBroken({ workflows: [definition] });
    await expect(env.execute(definition, null)).rejects.toThrow(what);
    await expect(env.close()).rejects.toBeInstanceOf(TestSetupError);
  }
  expect(() => createTestEnvironment({ workflows: [caller, caller] })).toThrow("Caller is given twice");
});

test("what the environment can't do is refused", async () => {
  const refused = { reason: "NOT_IMPLEMENTED", codeName: "UNIMPLEMENTED" };
  const error: Error = await rpcOf({})
    .resetWorkflow({})
    .catch((thrown) => thrown);
  expect(error).toMatchObject(refused);
  expect(error.message).toContain("does not support ResetWorkflow: test it against a server");
});

test("a closed environment does nothing any more", async () => {
  const env = openBroken({ workflows: [waiter] });
  const handle = await env.start(waiter, null);
  await env.close();
  await env.close();
  await expect(handle.result()).rejects.toThrow("the environment is closed");
});
