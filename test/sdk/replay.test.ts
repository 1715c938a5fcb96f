import { describe, expect, test } from "vitest";
import { isNonDeterminism, replayHistory } from "../../src/sdk/replay/replay-history.js";
import { stepOfCommand } from "../../src/sdk/replay/step.js";
import { ActivityFailure, ApplicationFailure, workflow } from "../../src/sdk/workflow/index.js";
import { type FakeRun, startFakeRun } from "./fake-run.js";

const order = workflow("Order", async (ctx, input: { readonly amount: number }) => {
  const token = ctx.sideEffect("token", () => Math.random());
  const [stock, price] = await Promise.all([
    ctx.activity<string>("reserve"),
    ctx.activity<number>("price", input),
  ]);
  const id = ctx.uuid();
  await ctx.sleep("1m");
  const shipped = await ctx.waitForSignal<string>("shipped", { timeout: "5s" });
  if (shipped === undefined) await ctx.activity("refund", { id, price });
  return { token, stock, price, id, shipped: shipped ?? "never", at: ctx.now().getTime() };
});

async function runOrder(end: "signal" | "timeout"): Promise<FakeRun> {
  const run = startFakeRun(order, { amount: 5 });
  await run.task();
  run.startTask();
  run.complete(3, 42);
  await run.completeTask();
  run.complete(2, "shelf 7");
  await run.task();
  run.fire(4);
  await run.task();
  if (end === "signal") run.signal("shipped", "by train");
  else run.fire(5);
  await run.task();
  if (end === "timeout") {
    run.complete(6);
    await run.task();
  }
  return run;
}

describe("replay", () => {
  test.each(["signal", "timeout"] as const)(
    "makes the same commands again, cut at every event (%s)",
    async (end) => {
      const { events } = await runOrder(end);
      let tasks = 0;
      for (const [index, event] of events.entries()) {
        if (event.kind.case !== "workflowTaskStarted") continue;
        tasks++;
        const result = await replayHistory(order, events.slice(0, index + 1));
        const recorded = events.filter(
          ({ kind }) =>
            kind.value !== undefined &&
            "taskCompletedEventId" in kind.value &&
            kind.value.taskCompletedEventId === index + 2,
        );
        expect(result.kind).toBe("completed");
        if (result.kind !== "completed") continue;
        expect(result.commands.map((command) => stepOfCommand(command).name.toLowerCase())).toHaveLength(
          recorded.length,
        );
        for (const [position, command] of result.commands.entries()) {
          const { kind } = recorded[position] ?? {};
          if (kind?.case === "activityScheduled") expect(command.seq).toBe(kind.value.seq);
          if (kind?.case === "workflowCompleted" && command.kind.case === "completeWorkflow") {
            expect(command.kind.value.result).toEqual(kind.value.result);
          }
        }
      }
      expect(tasks).toBeGreaterThan(4);
    },
  );

  test("takes a closed run to its end", async () => {
    const { events } = await runOrder("timeout");
    expect(await replayHistory(order, events)).toMatchObject({
      kind: "completed",
      isClosed: true,
      commands: [],
    });
  });

  test("gives recorded values, times and random numbers, not new ones", async () => {
    const { events } = await runOrder("signal");
    const closed = events.findLast((event) => event.kind.case === "workflowCompleted");
    const result =
      closed?.kind.case === "workflowCompleted" ? closed.kind.value.result?.body.value : undefined;
    const started = events.findLast((event) => event.kind.case === "workflowTaskStarted");
    expect(JSON.parse(String(result))).toMatchObject({
      stock: "shelf 7",
      price: 42,
      shipped: "by train",
      at: Number(started?.eventTime?.seconds ?? 0n) * 1_000,
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    });
  });

  test("passes over attempts that failed or timed out", async () => {
    const run = startFakeRun(order, { amount: 5 });
    run.startTask();
    run.signal("shipped", "early");
    run.arrive({ case: "workflowTaskTimedOut", value: {} });
    const [signal, timedOut] = [run.events.length + 1, run.events.length + 2];
    // As the server flushes: the end of the attempt first, what came meanwhile behind it.
    expect([signal, timedOut]).toEqual([4, 5]);
    const commands = await replayHistory(order, [
      ...run.events,
      {
        ...run.events[0],
        eventId: 4,
        kind: { case: "workflowTaskFailed", value: { scheduledEventId: 2 } },
      } as never,
      { ...run.events[1], eventId: 5 } as never,
      { ...run.events[2], eventId: 6 } as never,
    ]);
    expect(commands).toMatchObject({ kind: "completed", commands: [{ seq: 1 }, { seq: 2 }, { seq: 3 }] });
  });
});

describe("code that does not replay as it ran", () => {
  const recorded = async () => {
    const run = startFakeRun(
      workflow("W", async (ctx) => {
        await ctx.activity("charge", { cents: 5 });
        await ctx.sleep("10s");
      }),
    );
    await run.task();
    run.complete(1);
    await run.task();
    run.fire(2);
    run.startTask();
    return run.events;
  };

  test.each([
    {
      name: "another type",
      run: (ctx) => ctx.activity("refund", { cents: 5 }),
      shows: ['event 5: ScheduleActivity(seq 1, type charge, id 1, input {"cents":5})', "type refund"],
    },
    {
      name: "another input",
      run: (ctx) => ctx.activity("charge", { cents: 6 }),
      shows: ['{"cents":5}', '{"cents":6}', "differs in input\n  made at ", "replay.test.ts:"],
    },
    {
      name: "another kind",
      run: (ctx) => ctx.sleep(5),
      shows: ["ScheduleActivity(seq 1", "ScheduleTimer(seq 1, durationMs 5)"],
    },
    {
      name: "another duration",
      run: async (ctx) => {
        await ctx.activity("charge", { cents: 5 });
        await ctx.sleep("11s");
      },
      shows: ["ScheduleTimer(seq 2, durationMs 10000)", "ScheduleTimer(seq 2, durationMs 11000)"],
    },
    {
      name: "a command too few",
      run: async (ctx) => {
        await ctx.activity("charge", { cents: 5 });
        await ctx.waitForSignal("never");
      },
      shows: ["ScheduleTimer(seq 2", 'code now: no further command, and waits for the signal "never"'],
    },
    {
      name: "a command too many",
      run: async (ctx) => {
        void ctx.activity("charge", { cents: 5 });
        await ctx.sleep("10s");
      },
      shows: ["no further command of this workflow task", "ScheduleTimer(seq 2"],
    },
    {
      name: "an early end",
      run: async (ctx) => {
        await ctx.activity("charge", { cents: 5 });
      },
      shows: ["- event 10: ScheduleTimer(seq 2", "+ code now: CompleteWorkflow"],
    },
  ] satisfies { name: string; run: Parameters<typeof workflow>[1]; shows: string[] }[])(
    "fails the task and shows both sides: $name",
    async ({ run, shows }) => {
      const result = await replayHistory(workflow("W", run), await recorded());
      expect(isNonDeterminism(result)).toBe(true);
      for (const text of shows)
        expect(result).toMatchObject({ failure: { message: expect.stringContaining(text) } });
    },
  );

  test("fails the task even when code catches the error", async () => {
    const code = workflow("W", async (ctx) => {
      await ctx.activity("other").catch(() => ctx.activity("charge", { cents: 5 }));
    });
    expect(isNonDeterminism(await replayHistory(code, await recorded()))).toBe(true);
  });

  test("notices a side effect of another name", async () => {
    const make = (name: string) => workflow("S", async (ctx) => ctx.sleep(ctx.sideEffect(name, () => 7)));
    const run = startFakeRun(make("a"));
    await run.task();
    expect(await replayHistory(make("a"), run.events)).toMatchObject({ kind: "completed" });
    expect(isNonDeterminism(await replayHistory(make("b"), run.events))).toBe(true);
  });
});

describe("errors of workflow code", () => {
  const once = async (run: Parameters<typeof workflow>[1]) => {
    const fake = startFakeRun(workflow("E", run));
    fake.startTask();
    return fake.completeTask();
  };

  test("fail the task when they are bugs", async () => {
    const result = await once(async () => JSON.parse("{"));
    expect(result).toMatchObject({
      kind: "failed",
      cause: 1,
      failure: { kind: { value: { type: "SyntaxError" } } },
    });
  });

  test("fail the run when they are application failures", async () => {
    const result = await once(async () => {
      throw new ApplicationFailure("out of stock", { type: "OutOfStock", details: { sku: 1 } });
    });
    const kind = { case: "application", value: { type: "OutOfStock" } };
    const failure = { message: "out of stock", kind };
    expect(result).toMatchObject({ commands: [{ kind: { case: "failWorkflow", value: { failure } } }] });
  });

  test("fail the run when an activity's failure escapes, with the cause in it", async () => {
    const run = startFakeRun(workflow("A", async (ctx) => ctx.activity("charge")));
    await run.task();
    run.fail(1, "declined");
    const [command] = await run.task();
    expect(command?.kind).toMatchObject({
      case: "failWorkflow",
      value: { failure: { kind: { case: "activity" }, cause: { message: "declined" } } },
    });
  });

  test("can be caught by code when they come from an activity", async () => {
    const run = startFakeRun(
      workflow("A", async (ctx) => {
        try {
          await ctx.activity("charge");
        } catch (error) {
          if (error instanceof ActivityFailure)
            return `${error.activityType}: ${(error.cause as Error).message}`;
          throw error;
        }
      }),
    );
    await run.task();
    run.fail(1, "declined");
    const [command] = await run.task();
    expect(command?.kind).toMatchObject({ value: { result: { body: { value: '"charge: declined"' } } } });
  });

  test("are found when a result is not JSON", async () => {
    expect(await once(async () => 5n)).toMatchObject({ kind: "failed", cause: 1 });
  });
});
