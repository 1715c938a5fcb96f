import { describe, expect, test } from "vitest";
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { isNonDeterminism, replayHistory } from "../../src/sdk/replay/replay-history.js";
import { type WorkflowContext, workflow } from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

type Code = (ctx: WorkflowContext) => Promise<unknown>;
const names = (commands: readonly Command[]) => commands.map((command) => command.kind.case);
const begin = (code: Code) => {
  const definition = workflow("W", code);
  const run = startFakeRun(definition, { n: 1 });
  return { run, replay: () => replayHistory(definition, run.events) };
};
const replayWith = (code: Code, events: readonly HistoryEvent[]) =>
  replayHistory(workflow("W", code), events);

describe("continue-as-new", () => {
  test("ends the run, whatever its code catches, and takes signals along that nobody took", async () => {
    const { run, replay } = begin(async (ctx) => {
      await ctx.signal("go").next();
      try {
        ctx.continueAsNew({ n: 2 }, { taskQueue: "other", runTimeout: "1h", memo: { a: 1 } });
      } catch {
        await ctx.activity("never");
      }
    });
    run.signal("left");
    await run.task();
    run.signal("go");
    run.signal("left");
    const [command, ...more] = await run.task();
    expect(more).toEqual([]);
    expect(command?.kind).toMatchObject({
      case: "continueAsNew",
      value: {
        workflowType: "W",
        taskQueue: "other",
        input: { body: { value: '{"n":2}' } },
        carriedSignalEventIds: [2, 7],
        runTimeout: { seconds: 3600n },
        memo: { a: { body: { value: "1" } } },
      },
    });
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });
});

describe("continue-as-new that keeps children", () => {
  test("is told from one that does not", async () => {
    const going = (keepChildren: boolean) => async (ctx: WorkflowContext) =>
      ctx.continueAsNew(2, { keepChildren });
    const { run, replay } = begin(going(true));
    const [command] = await run.task();
    expect(command?.kind.value).toMatchObject({ keepChildren: true });
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
    expect(isNonDeterminism(await replayWith(going(false), run.events))).toBe(true);
  });
});

describe("a patch", () => {
  const old: Code = async (ctx) => {
    await ctx.activity("before");
    await ctx.activity("old");
    await ctx.sleep(5);
  };
  const patched: Code = async (ctx) => {
    await ctx.activity("before");
    if (ctx.patched("swap")) await ctx.activity("new");
    else await ctx.activity("old");
    await ctx.sleep(ctx.patched("swap") ? 5 : 5);
  };
  const deprecated: Code = async (ctx) => {
    await ctx.activity("before");
    ctx.deprecatePatch("swap");
    await ctx.activity("new");
    await ctx.sleep(5);
  };
  const removed: Code = async (ctx) => {
    await ctx.activity("before");
    await ctx.activity("new");
    await ctx.sleep(5);
  };
  const historyOf = async (code: Code, secondSeq: number) => {
    const { run } = begin(code);
    await run.task();
    run.complete(1);
    await run.task();
    run.complete(secondSeq);
    await run.task();
    return run.events;
  };

  test("is not taken by a run that went on without it, and is by one that had not come there", async () => {
    expect(await replayWith(patched, await historyOf(old, 2))).toMatchObject({ kind: "completed" });
    const { run } = begin(old);
    await run.task();
    const events = [...run.events];
    run.complete(1);
    run.startTask();
    const result = await replayWith(patched, run.events);
    expect(result.kind === "completed" && names(result.commands)).toEqual([
      "recordVersion",
      "scheduleActivity",
    ]);
    expect(events.length).toBeLessThan(run.events.length);
  });

  test("is recorded once by a new run, which code with the patch deprecated goes on with", async () => {
    const events = await historyOf(patched, 3);
    expect(events.filter((event) => event.kind.case === "versionRecorded")).toHaveLength(1);
    expect(await replayWith(patched, events)).toMatchObject({ kind: "completed" });
    expect(await replayWith(deprecated, events)).toMatchObject({ kind: "completed" });
    expect(isNonDeterminism(await replayWith(removed, events))).toBe(true);
    expect(isNonDeterminism(await replayWith(old, events))).toBe(true);
  });

  test("leaves no trace once deprecated, so that it can be removed", async () => {
    const events = await historyOf(deprecated, 2);
    expect(await replayWith(deprecated, events)).toMatchObject({ kind: "completed" });
    expect(await replayWith(removed, events)).toMatchObject({ kind: "completed" });
  });
});

describe("attributes and memo", () => {
  test("change, are seen in the info at once, and replay", async () => {
    const { run, replay } = begin(async (ctx) => {
      ctx.upsertSearchAttributes({ name: "Ada", amount: 5n, due: new Date(0), isPaid: false, rate: 0.5 });
      ctx.upsertSearchAttributes({ name: null });
      ctx.upsertMemo({ note: { a: 1 }, gone: "x" });
      ctx.upsertMemo({ gone: undefined });
      await ctx.sleep(1);
      const { amount, due, ...rest } = ctx.info.searchAttributes;
      return [String(amount), due, rest, ctx.info.memo];
    });
    const [command] = await run.task();
    expect(command?.kind.value).toMatchObject({
      searchAttributes: {
        name: { value: { case: "keyword", value: "Ada" } },
        amount: { value: { case: "integer" } },
      },
    });
    run.fire(5);
    const [end] = await run.task();
    expect(
      end?.kind.case === "completeWorkflow" && JSON.parse(String(end.kind.value.result?.body.value)),
    ).toEqual(["5", "1970-01-01T00:00:00.000Z", { isPaid: false, rate: 0.5 }, { note: { a: 1 } }]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
    const other = replayWith(async (ctx) => ctx.upsertSearchAttributes({ name: "Bob" }), run.events);
    expect(isNonDeterminism(await other)).toBe(true);
  });
});
