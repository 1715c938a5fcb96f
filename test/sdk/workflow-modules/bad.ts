/** Workflows that go wrong in every way, and a healthy one beside them. */
import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { threadId } from "node:worker_threads";
import { workflow } from "../../../src/sdk/workflow/index.js";

export const healthy = workflow("Healthy", async (ctx, rounds: number) => {
  for (let round = 0; round < rounds; round++) await ctx.sleep(20);
  ctx.log.info("is done", { rounds, notForThreads: () => {} });
  return rounds;
});

export const spin = workflow("Spin", async (ctx, _: null) => {
  await ctx.sleep(1);
  for (;;) {
    // Never gives the thread back.
  }
});

export const spinApart = workflow("SpinApart", async (ctx, _: null) =>
  ctx.local("spin", async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    for (;;) {
      // Holds the thread while no turn does.
    }
  }),
);

export const leave = workflow("Leave", async () => process.exit(7));

export const throws = workflow("Throws", async (_, what: "text" | "nothing") => {
  throw what === "text" ? "just a text" : undefined;
});

export const returns = workflow(
  "Returns",
  async (_, what: "function" | "bigint" | "cycle"): Promise<unknown> => {
    if (what === "function") return () => {};
    if (what === "bigint") return 1n;
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    return cycle;
  },
);

export const foreign = workflow("Foreign", async (_ctx, _: null) => String(await readFile("package.json")));

export const slow = workflow("Slow", async (_ctx, ms: number) => {
  const cells = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(cells, 0, 0, ms);
  return "done all the same";
});

export const whereabouts = workflow("Whereabouts", async () => threadId);

const begins = new Map<string, number>();

/** Ends with how often its code began in this thread. */
export const counted = workflow("Counted", async (ctx, word: string) => {
  const { runId } = ctx.info;
  begins.set(runId, (begins.get(runId) ?? 0) + 1);
  const signals = [await ctx.signal<string>("go").next(), await ctx.signal<string>("go").next()];
  return { said: [word, ...signals].join(" "), begins: begins.get(runId) };
});

export const collectGarbage = workflow("CollectGarbage", async (ctx) =>
  ctx.local("collect", () => {
    setFlagsFromString("--expose-gc");
    runInNewContext("gc")();
    return "collected";
  }),
);
