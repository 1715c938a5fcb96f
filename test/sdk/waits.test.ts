import { describe, expect, test } from "vitest";
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import { replayHistory } from "../../src/sdk/replay/replay-history.js";
import { CancelledFailure, type WorkflowContext, workflow } from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

const names = (commands: readonly Command[]) => commands.map((command) => command.kind.case);
const cancelRequest = { case: "workflowCancelRequested" as const, value: { reason: "no longer wanted" } };

/** What the code returned, once it has. */
const resultOf = (commands: readonly Command[]) => {
  const kind = commands.at(-1)?.kind;
  return kind?.case === "completeWorkflow"
    ? JSON.parse(String(kind.value.result?.body.value ?? "null"))
    : kind?.case;
};

describe("a signal", () => {
  const wait = workflow(
    "Wait",
    async (ctx) => (await ctx.waitForSignal("go", { timeout: "5s" })) ?? "timed out",
  );

  test("that came first wins, and cancels the timer", async () => {
    const run = startFakeRun(wait);
    await run.task();
    run.signal("go", "signal");
    const commands = await run.task();
    expect(names(commands)).toEqual(["cancelTimer", "completeWorkflow"]);
    expect(resultOf(commands)).toBe("signal");
  });

  test("wins over a timer that fired behind it in the same task, on replay too", async () => {
    const run = startFakeRun(wait);
    await run.task();
    run.signal("go", "signal");
    run.fire(1);
    expect(resultOf(await run.task())).toBe("signal");
    expect(run.events.some((event) => event.kind.case === "timerCancelled")).toBe(false);
    expect(await replayHistory(wait, run.events)).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("loses to a timer that fired before it", async () => {
    const run = startFakeRun(wait);
    await run.task();
    run.fire(1);
    run.signal("go", "signal");
    expect(resultOf(await run.task())).toBe("timed out");
  });

  test("whose timer fires while the task is worked on still wins, on replay too", async () => {
    const slow = workflow("Slow", async (ctx) => {
      const got = await ctx.waitForSignal("go", { timeout: "5s" });
      await ctx.activity("after");
      return got;
    });
    const run = startFakeRun(slow);
    await run.task();
    run.signal("go", "signal");
    run.startTask();
    run.fire(1);
    await run.completeTask();
    run.complete(3);
    expect(resultOf(await run.task())).toBe("signal");
    expect(await replayHistory(slow, run.events)).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("that comes early is kept, in order, and needs no timer", async () => {
    const run = startFakeRun(
      workflow("Three", async (ctx) => {
        await ctx.sleep(1);
        const channel = ctx.signal<number>("n");
        return [
          await channel.next({ timeout: "1h" }),
          channel.tryNext(),
          channel.tryNext() ?? "none",
          await channel.next(),
        ];
      }),
    );
    run.signal("n", 1);
    await run.task();
    run.signal("n", 2);
    run.fire(1);
    expect(await run.task()).toEqual([]);
    run.signal("n");
    expect(resultOf(await run.task())).toEqual([1, 2, "none", null]);
  });

  test("goes to those who wait in the order in which they came", async () => {
    const run = startFakeRun(
      workflow("Two", (ctx) => Promise.all([ctx.waitForSignal("n"), ctx.waitForSignal("n")])),
    );
    await run.task();
    run.signal("n", "a");
    run.signal("n", "b");
    expect(resultOf(await run.task())).toEqual(["a", "b"]);
  });
});

describe("a cancellation of the run", () => {
  const cancelled = async (code: (ctx: WorkflowContext) => Promise<unknown>) => {
    const definition = workflow("C", code);
    const run = startFakeRun(definition);
    await run.task();
    run.arrive(cancelRequest);
    return { run, definition, commands: await run.task() };
  };

  test("ends a run that lets it escape as cancelled, and cancels what it waited for", async () => {
    const { commands, run, definition } = await cancelled((ctx) =>
      Promise.all([ctx.sleep(9), ctx.activity("a")]),
    );
    expect(names(commands)).toEqual(["cancelTimer", "cancelActivity", "cancelWorkflow"]);
    expect(await replayHistory(definition, run.events)).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("lets code clean up and end otherwise", async () => {
    const { run, commands } = await cancelled(async (ctx) => {
      try {
        await ctx.sleep("1d");
      } catch (error) {
        if (!(error instanceof CancelledFailure)) throw error;
        await ctx.activity("undo");
        return [ctx.isCancelRequested, ctx.cancelReason];
      }
    });
    expect(names(commands)).toEqual(["cancelTimer", "scheduleActivity"]);
    run.complete(3);
    expect(resultOf(await run.task())).toEqual([true, "no longer wanted"]);
  });

  test("leaves a shielded wait alone and rejects the next one", async () => {
    const { run, commands } = await cancelled(async (ctx) => {
      const paid = await ctx.activity("pay", undefined, { isShielded: true });
      return await ctx.sleep("1d").then(
        () => "slept",
        () => paid,
      );
    });
    expect(commands).toEqual([]);
    run.complete(1, "paid");
    expect(resultOf(await run.task())).toBe("paid");
  });

  test("is told before the code waits for anything when it came with the start", async () => {
    const run = startFakeRun(workflow("C", (ctx) => ctx.sleep(5)));
    run.arrive(cancelRequest);
    expect(names(await run.task())).toEqual(["scheduleTimer", "cancelTimer", "cancelWorkflow"]);
  });

  test("takes what the server cancelled by itself as cancelled", async () => {
    const definition = workflow("C", (ctx) => ctx.sleep(5, { isShielded: true }));
    const run = startFakeRun(definition);
    await run.task();
    run.arrive(cancelRequest);
    run.arrive({ case: "timerCancelled", value: { seq: 1, causeEventId: run.events.length } });
    expect(names(await run.task())).toEqual(["cancelWorkflow"]);
    expect(await replayHistory(definition, run.events)).toMatchObject({ kind: "completed", isClosed: true });
  });
});

describe("an abort signal of the code", () => {
  test("cancels one wait, and a late result of it is ignored", async () => {
    const definition = workflow("Race", async (ctx) => {
      const abort = new AbortController();
      const slow = ctx.activity<string>("slow", undefined, { signal: abort.signal });
      const first = await Promise.race([slow, ctx.sleep(10).then(() => "timer")]);
      abort.abort();
      await expect(slow).rejects.toThrow(CancelledFailure);
      await ctx.sleep(10);
      return first;
    });
    const run = startFakeRun(definition);
    await run.task();
    run.fire(2);
    expect(names(await run.task())).toEqual(["cancelActivity", "scheduleTimer"]);
    run.complete(1, "late");
    run.fire(4);
    expect(resultOf(await run.task())).toBe("timer");
    expect(await replayHistory(definition, run.events)).toMatchObject({ kind: "completed", isClosed: true });
  });
});
