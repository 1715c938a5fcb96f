import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { defineSignal, type WorkflowContext, workflow } from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

const begin = (code: (ctx: WorkflowContext) => Promise<unknown>) => startFakeRun(workflow("W", code));
const failureOf = async (run: ReturnType<typeof begin>) => {
  run.startTask();
  const result = await run.completeTask();
  if (result.kind !== "failed") throw new Error("the task did not fail");
  return result.failure.message;
};
/** The line of this file that has a mark. */
const lineOf = async (mark: string) => {
  const lines = (await readFile(fileURLToPath(import.meta.url), "utf8")).split("\n");
  return lines.findIndex((line) => line.endsWith(`// ${mark}`)) + 1;
};
const never = () => new Promise<void>(() => {});

describe("code that awaits what Pawl did not make", () => {
  test("is told where, in the function that does", async () => {
    const fetchPrice = async () => {
      await Promise.resolve();
      await never(); // in a helper
    };
    const message = await failureOf(
      begin(async (ctx) => {
        await ctx.local("fine", () => 1);
        await ctx.scope(() => fetchPrice());
      }),
    );
    const line = await lineOf("in a helper");
    expect(message).toContain("the workflow awaited a promise that Pawl did not make at ");
    expect(message).toContain(`foreign-promise.test.ts:${line}:`);
    expect(message.match(/foreign-promise\.test\.ts/g)).toHaveLength(1);
    expect(message).toContain("do I/O and wait for clocks in an activity");
  });

  test("is told where it waits for several", async () => {
    const message = await failureOf(
      begin(async () => {
        await Promise.all([never(), wait(1e6, undefined, { ref: false })]); // for all
      }),
    );
    expect(message).toContain(`foreign-promise.test.ts:${await lineOf("for all")}:`);
  });

  test("is told what it had waited for, where the run is cached, and the place once it is replayed", async () => {
    const run = begin(async (ctx) => {
      await ctx.activity("charge");
      await never(); // behind it
    });
    await run.task();
    run.complete(1);
    expect(await failureOf(run)).toContain("did not make after the activity charge had ended");
    expect(await failureOf(run)).toContain(`foreign-promise.test.ts:${await lineOf("behind it")}:`);
  });

  test("and goes on by it between its tasks is told so with the next one", async () => {
    let release = () => {};
    const foreign = new Promise<void>((resolve) => {
      release = resolve;
    });
    const ended = new Promise<void>((resolve) => foreign.then(() => setImmediate(resolve)));
    const run = begin(async (ctx) => {
      await Promise.race([foreign, ctx.sleep("1d")]);
      await ctx.activity("late"); // between tasks
    });
    await run.task();
    release();
    await ended;
    run.signal("any");
    expect(await failureOf(run)).toContain(`went on at`);
  });

  test.each<[string, (ctx: WorkflowContext) => Promise<unknown>]>([
    [
      "a handler of signals can end it",
      (ctx) => new Promise<void>((resolve) => ctx.onSignal(defineSignal("go"), resolve)),
    ],
    ["a wait of Pawl's is open beside it", (ctx) => Promise.race([never(), ctx.signal("go").next()])],
  ])("is left alone if %s", async (_, code) => {
    const run = begin(code);
    expect(await run.task()).toEqual([]);
    run.signal("go");
    expect((await run.task()).map((command) => command.kind.case)).toEqual(["completeWorkflow"]);
  });
});
