import { expect, test, vi } from "vitest";
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from "../../../src/sdk/index.js";
import { failFirst, hang, sleep } from "../../../src/sdk/testing/index.js";
import type { ActivityContext } from "../../../src/sdk/worker/index.js";
import { type ActivityOptions, isCancellation, workflow } from "../../../src/sdk/workflow/index.js";
import { open, startTime } from "./environments.js";

const one = workflow("One", async (ctx, options: ActivityOptions) => ctx.activity("work", 7, options));

/** The failure that an activity ended with. */
async function failureOf(result: Promise<unknown>): Promise<ActivityFailure> {
  const error = await result.then(
    () => new Error("it did not fail"),
    (thrown: Error) => thrown.cause,
  );
  expect(error).toBeInstanceOf(ActivityFailure);
  return error as ActivityFailure;
}

test("an activity is a function of the test, and its calls are told", async () => {
  const work = vi.fn(async (input: number) => input * 6);
  const env = open({ workflows: [one], activities: { work } });
  expect(await env.execute(one, {}, { workflowId: "w" })).toBe(42);
  expect(work).toHaveBeenCalledWith(7, expect.anything());
  const time = new Date(startTime);
  expect(env.activityCalls).toMatchObject([{ type: "work", input: 7, attempt: 1, workflowId: "w", time }]);
});

test("an attempt that fails is tried again by its policy, in skipped time", async () => {
  const env = open({ workflows: [one], activities: { work: failFirst(3, (input: number) => input + 1) } });
  const retry = { initialInterval: "1h", backoffCoefficient: 3, maximumAttempts: 5, jitter: 0 } as const;
  expect(await env.execute(one, { retry })).toBe(8);
  const hours = env.activityCalls.map(({ time }) => (time.getTime() - Date.parse(startTime)) / 3_600_000);
  expect(hours).toEqual([0, 1, 4, 13]);
});

test("an activity that has used its attempts fails with the last failure", async () => {
  const error = new ApplicationFailure("the card is stolen", { type: "Stolen" });
  const env = open({ workflows: [one], activities: { work: failFirst(9, () => 1, error) } });
  const failure = await failureOf(env.execute(one, { retry: { maximumAttempts: 2 } }));
  expect(failure.cause).toMatchObject({ message: "the card is stolen", type: "Stolen" });
  expect(env.activityCalls).toHaveLength(2);
});

test("another function takes the place of an activity, typed as it is", async () => {
  const work = async (input: number): Promise<number> => input;
  const env = open({ workflows: [one], activities: { work } });
  env.replaceActivity("work", async (input, { info }: ActivityContext) => input + info.attempt);
  expect(await env.execute(one, {})).toBe(8);
  // @ts-expect-error there is no such activity
  expect(() => env.replaceActivity("other", work)).toThrow("no activity of type other");
  // @ts-expect-error it answers something else
  env.replaceActivity("work", async () => "text");
});

test.each([
  ["start-to-close", { startToCloseTimeout: "10m", retry: { maximumAttempts: 1 } }, 10],
  ["heartbeat", { heartbeatTimeout: "2m", startToCloseTimeout: "1h", retry: { maximumAttempts: 1 } }, 2],
  ["schedule-to-close", { startToCloseTimeout: "1h", scheduleToCloseTimeout: "15m" }, 15],
] as const)("an activity that hangs ends by its %s timeout", async (_, options, minutes) => {
  const env = open({ workflows: [one], activities: { work: hang } });
  const failure = await failureOf(env.execute(one, options));
  expect(failure.cause).toBeInstanceOf(TimeoutFailure);
  expect(env.now().getTime() - Date.parse(startTime)).toBe(minutes * 60_000);
});

test("an attempt whose time is over is aborted, and what it says then is not heard", async () => {
  const reasons: unknown[] = [];
  const work = async (_: number, { signal, info }: ActivityContext) => {
    if (info.attempt === 2) return "second";
    await hang(_, { signal } as ActivityContext).catch((reason) => reasons.push(reason));
    return "first";
  };
  const env = open({ workflows: [one], activities: { work } });
  expect(await env.execute(one, { startToCloseTimeout: "1m" })).toBe("second");
  expect(reasons).toEqual([expect.any(TimeoutFailure)]);
});

test("an activity that sleeps by the environment's clock takes that long", async () => {
  const work = async () => {
    await sleep("3 hours");
    return "done";
  };
  const env = open({ workflows: [one], activities: { work } });
  expect(await env.execute(one, { startToCloseTimeout: "4h" })).toBe("done");
  expect(env.now()).toEqual(new Date("2026-01-01T03:00:00.000Z"));
  await failureOf(env.execute(one, { startToCloseTimeout: "2h", retry: { maximumAttempts: 1 } }));
});

test("time stands still while an activity runs", async () => {
  const slow = workflow("Slow", async (ctx, _: null) => {
    const work = ctx.activity("work", null);
    return Promise.race([work, ctx.sleep("1ms").then(() => "timer")]);
  });
  const work = () => new Promise((resolve) => setTimeout(resolve, 20, "work"));
  const env = open({ workflows: [slow], activities: { work } });
  expect(await env.execute(slow, null)).toBe("work");
});

test("heartbeats keep an activity alive, and the next attempt has their details", async () => {
  const found: unknown[] = [];
  const work = async (_: number, { heartbeat, info }: ActivityContext) => {
    found.push(info.heartbeatDetails);
    for (let minute = 0; minute < 10; minute++) {
      heartbeat({ minute, attempt: info.attempt });
      await sleep("1m");
    }
    if (info.attempt === 1) throw new Error("once more");
    return "done";
  };
  const env = open({ workflows: [one], activities: { work } });
  expect(await env.execute(one, { heartbeatTimeout: "90s", startToCloseTimeout: "20m" })).toBe("done");
  expect(found).toEqual([undefined, { minute: 9, attempt: 1 }]);
});

test("an activity hears with a heartbeat that it shall cancel", async () => {
  const cancelling = workflow("Cancelling", async (ctx, _: null) => {
    try {
      return await ctx.activity("work", 1, {
        onCancel: "wait",
        heartbeatTimeout: "1m",
        startToCloseTimeout: "2h",
      });
    } catch (error) {
      return isCancellation(error) ? "cancelled" : "failed";
    }
  });
  const reasons: string[] = [];
  const work = async (_: number, { heartbeat, signal }: ActivityContext) => {
    for (;;) {
      heartbeat();
      if (signal.aborted) reasons.push(String(signal.reason.name));
      signal.throwIfAborted();
      await sleep("10s");
    }
  };
  const env = open({ workflows: [cancelling], activities: { work } });
  const handle = await env.start(cancelling, null);
  await env.sleep("1h");
  await handle.cancel();
  expect(await handle.result()).toBe("cancelled");
  expect(reasons).toEqual(["CancelledFailure"]);
});

test("a result that can't be sent fails the activity", async () => {
  const work = async () => "x".repeat(3 * 1024 * 1024);
  const env = open({ workflows: [one], activities: { work } });
  const { cause } = await failureOf(env.execute(one, {}));
  expect(cause).toMatchObject({ type: "SIZE_LIMIT" });
  env.replaceActivity("work", (async () => () => {}) as never);
  const failure = await failureOf(env.execute(one, { retry: { maximumAttempts: 1 } }));
  expect(failure.cause).toMatchObject({ message: "a function can't be sent: JSON has no form for it" });
});

test("an activity may call the client", async () => {
  const asking = workflow("Asking", async (ctx, _: null) => {
    await ctx.activity("work", ctx.info.workflowId);
    return ctx.waitForSignal("answer");
  });
  const env = open({
    workflows: [asking, one],
    activities: { work: async (_: unknown): Promise<unknown> => "seven" },
  });
  const work = env.activityCalls;
  env.replaceActivity("work", async (input) => {
    if (input === 7) return "seven";
    await env.client.signal(String(input), "answer", await env.execute(one, {}));
    return work.length;
  });
  expect(await env.execute(asking, null)).toBe("seven");
});

test("an activity that sleeps by itself is asked to do so in an environment", async () => {
  await expect(sleep("1s")).rejects.toThrow("use env.sleep() in the test itself");
});

test("closing an environment aborts the attempts that run", async () => {
  const reasons: string[] = [];
  const work = (_: number, { signal }: ActivityContext) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reasons.push(String(signal.reason)));
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const env = open({ workflows: [one], activities: { work } });
  await env.start(one, {});
  await vi.waitUntil(() => env.activityCalls.length === 1);
  await env.close();
  expect(reasons).toEqual([expect.stringContaining("the environment is closed")]);
});
