import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { type ActivityContext, ApplicationFailure } from "../../src/sdk/worker/index.js";
import { FakeRefusal, untilGone } from "./fake-server.js";
import {
  accepted,
  activityTask,
  cleanUps,
  collect,
  pollOf,
  stale,
  start,
  tokensOf,
} from "./worker-harness.js";

test("collects what is finished while calls are under way", async () => {
  const calls = collect<string[]>();
  const releases: (() => void)[] = [];
  await start(
    {
      pollActivityTasks: pollOf(
        [["a"], ["b"], ["c", "d", "e"]].map((batch) => batch.map((token) => activityTask(token))),
      ),
      async completeActivityTasks({ completions }) {
        calls.push(tokensOf(completions));
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

test("sends a call that is refused as a whole again in halves, so that one bad task fails alone", async () => {
  const completed = collect<string>();
  const failed = collect<string>();
  const tokens = ["a", "bad", "c", "d"];
  await start(
    {
      pollActivityTasks: pollOf([tokens.map((token) => activityTask(token))]),
      completeActivityTasks({ completions }) {
        const given = tokensOf(completions);
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

test("never works on more than it has slots for, however many polls are open", async () => {
  let atWork = 0;
  let most = 0;
  const waiting = Array.from({ length: 20 }, (_, n) => activityTask(`${n}`));
  const completed = collect<string>();
  await start(
    {
      async pollActivityTasks({ maxTasks }, { signal }) {
        if (waiting.length === 0) await untilGone(signal);
        return { tasks: waiting.splice(0, maxTasks) };
      },
      completeActivityTasks({ completions }) {
        completed.push(...tokensOf(completions));
        return { outcomes: completions.map(() => accepted) };
      },
    },
    {
      activities: {
        async work() {
          most = Math.max(most, ++atWork);
          await new Promise((resolve) => setImmediate(resolve));
          atWork--;
        },
      },
      activitySlots: 3,
      pollers: 4,
    },
  );
  expect(new Set(await completed.atLeast(20)).size).toBe(20);
  expect(most).toBe(3);
});

test("what an activity that ignored the end of its time comes to in the end is told in the log alone", async () => {
  const told = collect<unknown>();
  const outcomes = collect<string>();
  const begun = collect<AbortSignal>();
  const release = collect<void>();
  const [startTime, deadlineTime] = [timestampFromMs(1_000), timestampFromMs(1_050)];
  await start(
    {
      pollActivityTasks: pollOf([
        [activityTask("late", { startTime, deadlineTime })],
        [activityTask("next", { activityType: "next" })],
      ]),
      completeActivityTasks({ completions }) {
        outcomes.push(...tokensOf(completions));
        // As a server does that has given the late one up.
        return {
          outcomes: completions.map((_, n) => (tokensOf(completions)[n] === "late" ? stale : accepted)),
        };
      },
      failActivityTasks({ failures }) {
        outcomes.push("failed");
        return { outcomes: failures.map(() => accepted) };
      },
    },
    {
      activities: {
        async work(_: unknown, { signal }: ActivityContext) {
          begun.push(signal);
          await release.atLeast(1);
          return "too late";
        },
        next: async () => "in time",
      },
      activitySlots: 1,
      pollers: 1,
      logger: { info: (message, fields) => told.push([message, fields]), warn() {} },
    },
  );
  const [signal] = await begun.atLeast(1);
  await expect.poll(() => signal?.aborted).toBe(true);
  expect(String(signal?.reason)).toBe("TimeoutFailure: attempt 1 of work took too long");
  release.push(undefined);
  expect(await outcomes.atLeast(2)).toEqual(["late", "next"]);
  expect(await told.atLeast(1)).toMatchObject([
    ["the outcome of an activity came too late", { activityType: "work", attempt: 1 }],
  ]);
});
