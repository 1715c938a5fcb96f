import { describe, expect, test } from "vitest";
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import { replayHistory } from "../../src/sdk/replay/replay-history.js";
import {
  ApplicationFailure,
  defineQuery,
  defineSignal,
  defineUpdate,
  type WorkflowContext,
  workflow,
} from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

const names = (commands: readonly Command[]) => commands.map((command) => command.kind.case);
const add = defineSignal<number>("add");
const total = defineQuery<number>("total");
const set = defineUpdate<string, number>("set");

const begin = (code: (ctx: WorkflowContext) => Promise<unknown>) => {
  const definition = workflow("W", code);
  const run = startFakeRun(definition);
  const replay = () => replayHistory(definition, run.events);
  return { run, replay };
};
const value = (commands: readonly Command[]) => {
  const kind = commands.at(-1)?.kind;
  if (kind?.case === "completeWorkflow") return JSON.parse(String(kind.value.result?.body.value));
  throw new Error(`the last command is ${kind?.case}`);
};

describe("a handler of signals", () => {
  test("gets them in order, those first that came before it was set", async () => {
    const { run, replay } = begin(async (ctx) => {
      const seen: number[] = [];
      await ctx.sleep(5);
      ctx.onSignal(add, (n) => void seen.push(n));
      await ctx.condition(() => seen.length === 3);
      return seen;
    });
    run.signal("add", 1);
    await run.task();
    run.signal("add", 2);
    run.fire(1);
    expect(await run.task()).toEqual([]);
    run.signal("add", 3);
    expect(value(await run.task())).toEqual([1, 2, 3]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("may wait, and the run can wait for it", async () => {
    const { run, replay } = begin(async (ctx) => {
      const done: unknown[] = [];
      ctx.onSignal(add, async (n) => done.push(await ctx.activity("work", n)));
      await ctx.condition(() => done.length > 0 && ctx.areHandlersDone);
      return done;
    });
    run.signal("add", 1);
    expect(names(await run.task())).toEqual(["scheduleActivity"]);
    run.signal("add", 2);
    run.complete(1, "a");
    expect(names(await run.task())).toEqual(["scheduleActivity"]);
    run.complete(2, "b");
    expect(value(await run.task())).toEqual(["a", "b"]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("fails the run by a failure, and holds it up by any other error", async () => {
    const failing = begin(async (ctx) => {
      ctx.onSignal(add, (n) => {
        throw n === 1 ? new ApplicationFailure("refused") : new TypeError("a bug");
      });
      await ctx.sleep("1d");
    });
    failing.run.signal("add", 1);
    expect(names(await failing.run.task())).toEqual(["scheduleTimer", "failWorkflow"]);
    const { run } = begin(async (ctx) => {
      ctx.onSignal("add", () => {
        throw new TypeError("a bug");
      });
      await ctx.sleep("1d");
    });
    run.signal("add", 2);
    await expect(run.task()).rejects.toThrow("a bug");
  });

  test("is refused where there is one", async () => {
    const { run } = begin(async (ctx) => {
      ctx.onSignal(add, () => {});
      await ctx.signal(add).next();
    });
    await expect(run.task()).rejects.toThrow('all signals "add" go to the handler');
  });

  test.each<[string, (ctx: WorkflowContext) => void, string]>([
    [
      "signal",
      (ctx) => ctx.onSignal("add", () => {}),
      'all signals "add" go to the handler that is set for them',
    ],
    ["query", (ctx) => ctx.onQuery("add", () => 1), 'the query "add" has a handler'],
    ["update", (ctx) => ctx.onUpdate("add", () => 1), 'the update "add" has a handler'],
  ])("of the same name a second time is refused, for a %s", async (_, set, message) => {
    const { run } = begin(async (ctx) => {
      set(ctx);
      set(ctx);
    });
    await expect(run.task()).rejects.toThrow(message);
  });
});

describe("a condition", () => {
  test("that never holds ends at its timeout", async () => {
    const { run, replay } = begin((ctx) => ctx.condition(() => false, { timeout: "5s" }));
    expect(names(await run.task())).toEqual(["scheduleTimer"]);
    run.fire(1);
    expect(value(await run.task())).toBe(false);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("that holds cancels its timer, and needs none if it held before", async () => {
    const { run, replay } = begin(async (ctx) => {
      let n = 0;
      ctx.onSignal(add, () => void n++);
      const first = await ctx.condition(() => true, { timeout: "5s" });
      return [first, await ctx.condition(() => n > 0, { timeout: "5s" })];
    });
    expect(names(await run.task())).toEqual(["scheduleTimer"]);
    run.signal("add");
    const commands = await run.task();
    expect(names(commands)).toEqual(["cancelTimer", "completeWorkflow"]);
    expect(value(commands)).toEqual([true, true]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("must only look", async () => {
    const { run } = begin((ctx) => ctx.condition(() => ctx.random() > 2));
    await expect(run.task()).rejects.toThrow("the function of a condition must only look");
  });
});

describe("a query", () => {
  const asked = (handler: (ctx: WorkflowContext) => unknown) =>
    begin(async (ctx) => {
      ctx.onQuery(total, () => handler(ctx) as number);
      await ctx.sleep("1d");
    }).run;

  test("is answered by the state of the code, with what it was asked with", async () => {
    const { run } = begin(async (ctx) => {
      let sum = 0;
      ctx.onQuery(defineQuery<number, number>("times"), (factor) => sum * factor);
      ctx.onSignal(add, (n) => {
        sum += n;
      });
      await ctx.condition(() => false);
    });
    run.signal("add", 2);
    await run.task();
    expect(run.query("times", 5)).toBe(10);
    expect(() => run.query("other")).toThrow(
      'workflow W has no handler for the query "other"; it has "times"',
    );
  });

  test.each<[string, (ctx: WorkflowContext) => unknown, string]>([
    ["makes commands", (ctx) => ctx.activity("a"), "it asked for: schedule activity"],
    ["waits", (ctx) => ctx.signal("s").next(), 'it asked for: the signal "s"'],
    ["is async", async () => 1, "is async, but it must return at once"],
  ])("whose handler %s is refused, and leaves the run as it was", async (_, handler, message) => {
    const run = asked(handler);
    await run.task();
    expect(() => run.query("total")).toThrow(message);
    run.fire(1);
    expect(names(await run.task())).toEqual(["completeWorkflow"]);
  });
});

describe("an update", () => {
  const keeper = () =>
    begin(async (ctx) => {
      let kept = 0;
      let isDone = false;
      ctx.onUpdate(
        set,
        async (n) => {
          if (n === 13) throw new ApplicationFailure("unlucky");
          const before = kept;
          kept = await ctx.activity<number>("round", n);
          isDone = n === 99;
          return `${before} to ${kept}`;
        },
        {
          validate(n) {
            if (n < 0) throw new ApplicationFailure("too small", { type: "TooSmall" });
          },
        },
      );
      await ctx.condition(() => isDone && ctx.areHandlersDone);
      return kept;
    });

  test("is accepted, waits in its handler, and is answered", async () => {
    const { run, replay } = keeper();
    run.update("u1", "set", 7);
    expect(names(await run.task())).toEqual(["acceptUpdate", "scheduleActivity"]);
    run.complete(2, 8);
    const [answer] = await run.task();
    expect(answer?.kind).toMatchObject({
      case: "completeUpdate",
      value: { updateId: "u1", outcome: { case: "result", value: { body: { value: '"0 to 8"' } } } },
    });
    run.update("u2", "set", 99);
    await run.task();
    run.complete(5, 100);
    expect(names(await run.task())).toEqual(["completeUpdate", "completeWorkflow"]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("that its validator refuses leaves no trace, and others of the task go on", async () => {
    const { run, replay } = keeper();
    run.update("bad", "set", -1);
    run.update("unknown", "other");
    run.update("good", "set", 1);
    const commands = await run.task();
    expect(names(commands)).toEqual(["rejectUpdate", "rejectUpdate", "acceptUpdate", "scheduleActivity"]);
    const [bad, unknown] = commands;
    const tooSmall = { kind: { case: "application", value: { type: "TooSmall" } } };
    expect(bad?.kind.value).toMatchObject({ updateId: "bad", failure: tooSmall });
    const message = 'workflow W has no handler for the update "other"; it has "set"';
    expect(unknown?.kind.value).toMatchObject({ updateId: "unknown", failure: { message } });
    expect(run.events.map((event) => event.kind.case)).not.toContain("updateRejected");
    run.complete(2, 1);
    await run.task();
    expect(await replay()).toMatchObject({ kind: "completed" });
  });

  test("is answered with the failure of its handler, and the run goes on", async () => {
    const { run, replay } = keeper();
    run.update("u", "set", 13);
    const commands = await run.task();
    expect(names(commands)).toEqual(["acceptUpdate", "completeUpdate"]);
    expect(commands[1]?.kind.value).toMatchObject({ outcome: { value: { message: "unlucky" } } });
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: false });
  });

  test("that was accepted and finds no handler any more is shown", async () => {
    const { run } = keeper();
    run.update("u", "set", 13);
    await run.task();
    const changed = workflow("W", (ctx) => ctx.condition(() => false));
    expect(await replayHistory(changed, run.events)).toMatchObject({
      kind: "failed",
      failure: { message: expect.stringContaining("AcceptUpdate") },
    });
  });
});
