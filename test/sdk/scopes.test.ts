import { describe, expect, test } from "vitest";
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import { replayHistory } from "../../src/sdk/replay/replay-history.js";
import {
  CancelledFailure,
  TimeoutFailure,
  type WorkflowContext,
  workflow,
} from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

const names = (commands: readonly Command[]) => commands.map((command) => command.kind.case);
const cancelRequest = { case: "workflowCancelRequested" as const, value: { reason: "enough" } };
const begin = (code: (ctx: WorkflowContext) => Promise<unknown>) => {
  const definition = workflow("W", code);
  const run = startFakeRun(definition);
  const closes = async () =>
    expect(await replayHistory(definition, run.events)).toMatchObject({ kind: "completed", isClosed: true });
  return { run, closes };
};
const resultOf = (commands: readonly Command[]) => {
  const kind = commands.at(-1)?.kind;
  if (kind?.case === "completeWorkflow") return JSON.parse(String(kind.value.result?.body.value));
  throw new Error(`the last command is ${kind?.case}`);
};
/** Waits in a function of its own, as code is written. */
const pause = async (ctx: WorkflowContext) => ctx.sleep("1h");

describe("a scope", () => {
  test("that is cancelled ends its waits, those of scopes within, and those that are begun later", async () => {
    const { run, closes } = begin(async (ctx) => {
      const seen: string[] = [];
      const note = (what: string) => (error: unknown) => seen.push(`${what} ${(error as Error).name}`);
      const outside = ctx.activity("outside");
      await ctx.scope(async (scope) => {
        const inner = ctx.scope(async () => {
          await pause(ctx).catch(note("inner"));
          await ctx.activity("inner later").catch(note("inner later"));
        });
        const own = ctx.activity("own").catch(note("own"));
        await ctx.signal("stop").next();
        scope.cancel("enough");
        await Promise.all([inner, own]);
        await ctx.sleep(1).catch(note("later"));
        seen.push(String(scope.isCancelled));
      });
      return [await outside, ...seen];
    });
    await run.task();
    run.signal("stop");
    expect(names(await run.task())).toEqual(["cancelTimer", "cancelActivity"]);
    run.complete(1, "outside");
    expect(resultOf(await run.task())).toEqual([
      "outside",
      "own CancelledFailure",
      "inner CancelledFailure",
      "inner later CancelledFailure",
      "later CancelledFailure",
      "true",
    ]);
    await closes();
  });

  test("within another is cancelled alone", async () => {
    const { run, closes } = begin((ctx) =>
      ctx.scope(async (outer) => {
        const inner = ctx.scope(async (scope) => {
          scope.cancel();
          await ctx.sleep(1);
        });
        const ended = await inner.catch((error: Error) => error.name);
        return [ended, outer.isCancelled, await ctx.activity("still")];
      }),
    );
    expect(names(await run.task())).toEqual(["scheduleActivity"]);
    run.complete(1, "works");
    expect(resultOf(await run.task())).toEqual(["CancelledFailure", false, "works"]);
    await closes();
  });

  test("is cancelled with the run, once, and cleans up", async () => {
    const { run, closes } = begin(async (ctx) => {
      try {
        await ctx.scope(() => pause(ctx));
      } catch (error) {
        if (!(error instanceof CancelledFailure)) throw error;
        return ctx.scope(() => ctx.activity("undo"));
      }
    });
    await run.task();
    run.arrive(cancelRequest);
    expect(names(await run.task())).toEqual(["cancelTimer", "scheduleActivity"]);
    run.complete(3, "undone");
    expect(resultOf(await run.task())).toBe("undone");
    await closes();
  });
});

describe("a shield", () => {
  test("keeps out the scopes around it and the run, but not a scope within", async () => {
    const { run, closes } = begin((ctx) =>
      ctx.scope(async (outer) => {
        const shielded = ctx.shield(async () => {
          const paid = await ctx.activity("pay");
          const inner = await ctx
            .scope(async (scope) => {
              scope.cancel();
              await pause(ctx);
            })
            .catch((error: Error) => error.name);
          return [paid, inner, await ctx.activity("book")];
        });
        outer.cancel();
        return shielded;
      }),
    );
    expect(names(await run.task())).toEqual(["scheduleActivity"]);
    run.arrive(cancelRequest);
    expect(await run.task()).toEqual([]);
    run.complete(1, "paid");
    expect(names(await run.task())).toEqual(["scheduleActivity"]);
    run.complete(2, "booked");
    expect(resultOf(await run.task())).toEqual(["paid", "CancelledFailure", "booked"]);
    await closes();
  });

  test("does not reach the handlers that are set in it", async () => {
    const { run } = begin(async (ctx) => {
      await ctx.shield(async () => {
        ctx.onSignal("go", async () => {
          await pause(ctx).catch(() => ctx.activity("handler was cancelled"));
        });
      });
      await ctx.shield(() => ctx.condition(() => false));
    });
    run.signal("go");
    await run.task();
    run.arrive(cancelRequest);
    expect(names(await run.task())).toEqual(["cancelTimer", "scheduleActivity"]);
  });
});

describe("a time limit", () => {
  const limited = (limit: (ctx: WorkflowContext) => "1m" | Date) =>
    begin(async (ctx) => {
      try {
        return await ctx.timeout(limit(ctx), () => ctx.activity("work"));
      } catch (error) {
        if (!(error instanceof TimeoutFailure)) throw error;
        return [error.message, (error.cause as Error).name];
      }
    });

  test("cancels the work when it is over, and says so", async () => {
    const { run, closes } = limited(() => "1m");
    expect(names(await run.task())).toEqual(["scheduleTimer", "scheduleActivity"]);
    run.fire(1);
    const commands = await run.task();
    expect(names(commands)).toEqual(["cancelActivity", "completeWorkflow"]);
    expect(resultOf(commands)).toEqual(["the work was not done within 60000 ms", "CancelledFailure"]);
    await closes();
  });

  test("is cancelled when the work is done, also one that is a point in time", async () => {
    const { run, closes } = limited((ctx) => new Date(ctx.now().getTime() + 5_000));
    const [timer] = await run.task();
    expect(timer?.kind.value).toMatchObject({ duration: { seconds: 5n } });
    run.complete(2, "done");
    const commands = await run.task();
    expect(names(commands)).toEqual(["cancelTimer", "completeWorkflow"]);
    expect(resultOf(commands)).toBe("done");
    await closes();
  });

  test("leaves the cancellation of the run what it is", async () => {
    const { run, closes } = limited(() => "1m");
    await run.task();
    run.arrive(cancelRequest);
    expect(names(await run.task())).toEqual(["cancelActivity", "cancelTimer", "cancelWorkflow"]);
    await closes();
  });
});
