/**
 * Workflows whose histories are kept. They stay as they are: a history that was recorded once must replay for ever, so what is new goes into a new
 * workflow with a history of its own.
 */
import {
  type ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  type ChildFailure,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  workflow,
} from "../../../src/sdk/workflow/index.js";
import type * as implementations from "./activities.js";

export const go = defineSignal<string>("go");
export const add = defineSignal<number>("add");
export const total = defineQuery<number>("total");
export const raise = defineUpdate<number, number>("raise");

type Activities = typeof implementations;

const causeOf = (error: unknown) =>
  ((error as ActivityFailure).cause as Error | undefined)?.name ?? "nothing";

export const activities = workflow("Activities", async (ctx, word: string) => {
  const { echo, failTwice, refuse, hang } = ctx.activities<Activities>({
    retry: { initialInterval: "10ms" },
  });
  const echoed = await Promise.all([echo(`${word} 1`), echo(`${word} 2`), failTwice("x")]);
  const refused = await refuse("no").catch(causeOf);
  const late = await ctx
    .activity("hang", null, { startToCloseTimeout: "100ms", retry: { maximumAttempts: 1 } })
    .catch(causeOf);
  const failed = await ctx
    .activity("failAlways", null, { retry: { maximumAttempts: 2, initialInterval: "10ms" } })
    .catch(causeOf);
  const first = await Promise.race([hang(null), echo("first")]);
  return { echoed, refused, late, failed, first };
});

export const cancelledActivities = workflow("CancelledActivities", async (ctx) => {
  const outcomes: string[] = [];
  for (const onCancel of ["request", "wait", "abandon"] as const) {
    await ctx
      .scope(async (scope) => {
        const work = ctx.activity("untilCancelled", null, { onCancel, heartbeatTimeout: "5s" });
        await ctx.activity("untilBegun", null);
        scope.cancel("enough");
        return work;
      })
      .catch((error: unknown) => outcomes.push(`${onCancel}: ${isCancellation(error)}`));
  }
  return outcomes;
});

export const timers = workflow("Timers", async (ctx) => {
  const before = ctx.now().getTime();
  await ctx.sleep("20ms");
  const stop = new AbortController();
  const long = ctx.sleep("1 day", { signal: stop.signal }).catch((error: Error) => error.name);
  await Promise.any([ctx.sleep("10ms"), ctx.sleep("1 hour")]);
  stop.abort();
  const limited = await ctx.timeout("10ms", () => ctx.sleep("1 hour")).catch((error: Error) => error.name);
  return { cancelled: await long, limited, hasPassed: ctx.now().getTime() > before };
});

export const signals = workflow("Signals", async (ctx) => {
  const heard: number[] = [];
  const early = ctx.signal(go).tryNext();
  const begin = early ?? (await ctx.signal(go).next());
  ctx.onSignal(add, async (value) => {
    await ctx.activity("echo", value);
    heard.push(value);
  });
  ctx.onQuery(total, () => heard.reduce((sum, value) => sum + value, 0));
  const isIn = await ctx.condition(() => heard.length === 3 && ctx.areHandlersDone, { timeout: "1 hour" });
  const nothing = await ctx.waitForSignal(go, { timeout: "10ms" });
  return { begin, heard, isIn, nothing: nothing ?? "nothing" };
});

export const updates = workflow("Updates", async (ctx) => {
  let sum = 0;
  ctx.onUpdate(
    raise,
    async (by) => {
      await ctx.activity("echo", by);
      if (by === 13) throw new ApplicationFailure("unlucky");
      sum += by;
      return sum;
    },
    {
      validate(by) {
        if (by < 0) throw new ApplicationFailure("only up");
      },
    },
  );
  ctx.onQuery(total, () => sum);
  await ctx.condition(() => sum >= 5 && ctx.areHandlersDone);
  return sum;
});

export const child = workflow("Child", async (ctx, name: string) => {
  const word = await ctx.signal(go).next();
  if (word === "fail") throw new ApplicationFailure(`${name} was told to`, { type: "Told", details: [name] });
  return `${name} ${word}`;
});

export const children = workflow("Children", async (ctx, prefix: string) => {
  const nameOf = (error: ChildFailure) => (error.cause as Error).name;
  const start = (name: string, options = {}) =>
    ctx.startChild(child, name, { workflowId: `${prefix}-${name}`, ...options });
  const goes = await start("goes");
  const fails = await start("fails");
  const cancelled = await start("cancelled");
  const late = await start("late", { runTimeout: "1s" });
  const terminated = await start("terminated");
  const twice = await start("goes").then(
    () => "started",
    (error: ChildFailure) => nameOf(error),
  );
  await goes.signal(go, "went");
  await ctx.external(fails.workflowId).signal(go, "fail");
  cancelled.cancel("not needed");
  await ctx.activity("terminate", terminated.workflowId);
  const nobody = await ctx
    .external(`${prefix}-nobody`)
    .signal(go, "x")
    .catch((error: ApplicationFailure) => error.type);
  return [
    twice,
    nobody,
    await goes.result(),
    await fails.result().catch(nameOf),
    await cancelled.result().catch(nameOf),
    await late.result().catch(nameOf),
    await terminated.result().catch(nameOf),
  ];
});

export const cancelsOthers = workflow("CancelsOthers", async (ctx, workflowId: string) => {
  await ctx.external(workflowId).cancel("told to");
  const type = await ctx
    .external(`${workflowId}-nobody`)
    .cancel()
    .catch((error: ApplicationFailure) => error.type);
  return type;
});

export const cleansUp = workflow("CleansUp", async (ctx) => {
  try {
    await ctx.sleep("1 day");
  } catch (error) {
    await ctx.activity("echo", "cleaned up");
    await ctx.shield(() => ctx.sleep("10ms"));
    throw error;
  }
});

export const continues = workflow("Continues", async (ctx, round: number) => {
  ctx.upsertSearchAttributes({ round, owner: round === 1 ? "Ada" : null });
  ctx.upsertMemo({ round, first: round === 1 ? true : undefined });
  if (round < 3) ctx.continueAsNew(round + 1, { memo: { last: round } });
  return { memo: ctx.info.memo, round: Number(ctx.info.searchAttributes.round) };
});

export const values = workflow("Values", async (ctx) => {
  const before = [ctx.random(), ctx.uuid(), ctx.sideEffect("price", () => 42)];
  await ctx.sleep("10ms");
  const after = [ctx.random(), ctx.uuid(), ctx.now().toISOString()];
  return { before, after };
});

export const patches = workflow("Patches", async (ctx) => {
  const first = ctx.patched("first");
  await ctx.sleep("10ms");
  const again = ctx.patched("first");
  ctx.deprecatePatch("second");
  return { first, again, third: ctx.patched("third") };
});

/** Whether the code of `deprecates` is that of before its patch became the only way; false while a history is replayed. */
export const age = { isOld: false };

export const deprecates = workflow("Deprecates", async (ctx) => {
  if (age.isOld) ctx.patched("now the only way");
  else ctx.deprecatePatch("now the only way");
  return ctx.activity("echo", "patched");
});

export const localSteps = workflow("LocalSteps", async (ctx) => {
  const read = await ctx.local("read", () => 7);
  const retried = await ctx.local("retried", ({ attempt }) => {
    if (attempt < 2) throw new Error("once more");
    return attempt;
  });
  const failed = await ctx
    .local("failed", () => {
      throw new ApplicationFailure("never", { isNonRetryable: true });
    })
    .catch(causeOf);
  const both = await Promise.all([ctx.local("a", async () => "a"), ctx.local("b", async () => "b")]);
  return { read, retried, failed, both };
});

export const fails = workflow("Fails", async (ctx) => {
  await ctx.sleep("10ms");
  throw new ApplicationFailure("as it should", { type: "Expected", details: [{ code: 7 }] });
});

/** How often the code of `repaired` is wrong before somebody puts it right; nothing while a history is replayed. */
export const faults = { left: 0 };

export const repaired = workflow("Repaired", async (ctx) => {
  await ctx.activity("echo", "before");
  if (faults.left-- > 0) throw new Error("a bug that is put right");
  return ctx.activity("echo", "after");
});

/** How long the code of `slow` takes before it is recorded, in milliseconds; nothing while a history is replayed. */
export const slowness = { ms: 0 };

export const slow = workflow("Slow", async (ctx) => {
  const until = Date.now() + slowness.ms;
  slowness.ms = 0;
  while (Date.now() < until);
  return ctx.activity("echo", "in the end");
});

export const waitsForEver = workflow("WaitsForEver", async (ctx) => {
  await ctx.activity("echo", "begins");
  try {
    await ctx.condition(() => false);
  } catch (error) {
    if (error instanceof CancelledFailure) return "cancelled, and content";
    throw error;
  }
});

export const startsAndWaits = workflow("StartsAndWaits", async (ctx, workflowId: string) => {
  const started = await ctx.startChild(child, "child", { workflowId: `${workflowId}-child` });
  const word = await ctx.signal(go).next();
  await ctx.activity("echo", word);
  return [word, await ctx.signal(go).next(), await started.result()];
});
