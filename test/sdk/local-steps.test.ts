import { describe, expect, test } from "vitest";
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import { isNonDeterminism, replayHistory } from "../../src/sdk/replay/replay-history.js";
import {
  ActivityFailure,
  ApplicationFailure,
  type WorkflowContext,
  workflow,
} from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

const names = (commands: readonly Command[]) => commands.map((command) => command.kind.case);
const begin = (code: (ctx: WorkflowContext) => Promise<unknown>) => {
  const definition = workflow("W", code);
  const run = startFakeRun(definition);
  return { run, replay: () => replayHistory(definition, run.events) };
};
const resultOf = (commands: readonly Command[]) => {
  const kind = commands.at(-1)?.kind;
  if (kind?.case === "completeWorkflow") return JSON.parse(String(kind.value.result?.body.value));
  throw new Error(`the last command is ${kind?.case}`);
};

describe("a local step", () => {
  test("is done once, within the task, and replay gives its recorded result", async () => {
    let calls = 0;
    const { run, replay } = begin(async (ctx) => {
      const first = await ctx.local("count", async () => ++calls);
      const second = await ctx.local("nothing", () => undefined);
      await ctx.activity("work", first);
      return [first, second === undefined];
    });
    expect(names(await run.task())).toEqual([
      "recordLocalActivity",
      "recordLocalActivity",
      "scheduleActivity",
    ]);
    run.complete(3);
    expect(resultOf(await run.task())).toEqual([1, true]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
    expect(calls).toBe(1);
  });

  test("is tried again by its policy, and fails with its last failure", async () => {
    const attempts: number[] = [];
    const { run, replay } = begin(async (ctx) => {
      const retry = { initialInterval: 1 };
      const third = await ctx.local(
        "flaky",
        ({ attempt }) => {
          attempts.push(attempt);
          if (attempt < 3) throw new TypeError("not yet");
          return attempt;
        },
        { retry },
      );
      try {
        await ctx.local("refused", () =>
          Promise.reject(new ApplicationFailure("no", { isNonRetryable: true })),
        );
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        return [third, error.activityType, (error.cause as Error).message];
      }
    });
    const commands = await run.task();
    expect(resultOf(commands)).toEqual([3, "refused", "no"]);
    expect(commands[0]?.kind.value).toMatchObject({ attempts: 3 });
    expect(commands[1]?.kind.value).toMatchObject({ attempts: 1 });
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
    expect(attempts).toEqual([1, 2, 3]);
  });

  test("ends at its timeout, and is told so", async () => {
    let reason: unknown;
    const { run } = begin((ctx) => {
      const hang = ({ signal }: { signal: AbortSignal }) =>
        new Promise<void>(() => signal.addEventListener("abort", () => (reason = signal.reason)));
      return ctx.local("hang", hang, { timeout: "5ms" }).catch((error: Error) => (error.cause as Error).name);
    });
    expect(resultOf(await run.task())).toBe("TimeoutFailure");
    expect(reason).toMatchObject({ name: "TimeoutFailure" });
  });

  test("is heard of in the order in which it began, whichever is faster", async () => {
    let release = () => {};
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { run, replay } = begin(async (ctx) => {
      const seen: string[] = [];
      await Promise.all([
        ctx.local("slow", () => slow).then(() => seen.push("slow")),
        ctx.local("fast", () => release()).then(() => seen.push("fast")),
      ]);
      return seen;
    });
    expect(resultOf(await run.task())).toEqual(["slow", "fast"]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("can be cancelled, and then leaves nothing", async () => {
    const { run, replay } = begin(async (ctx) => {
      const abort = new AbortController();
      const step = ctx.local("never", () => new Promise(() => {}), { signal: abort.signal });
      abort.abort();
      return step.catch((error: Error) => error.name);
    });
    expect(names(await run.task())).toEqual(["completeWorkflow"]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("must not touch the run", async () => {
    const { run } = begin((ctx) =>
      ctx.local("bad", () => ctx.activity("a"), { retry: { maximumAttempts: 1 } }),
    );
    const [, end] = await run.task();
    expect(end?.kind.value).toMatchObject({
      failure: { cause: { message: expect.stringContaining("the local step bad must only look") } },
    });
  });

  test("that has another name on replay is shown", async () => {
    const code = (name: string) => workflow("W", (ctx) => ctx.local(name, () => 1));
    const run = startFakeRun(code("a"));
    await run.task();
    expect(isNonDeterminism(await replayHistory(code("b"), run.events))).toBe(true);
  });
});
