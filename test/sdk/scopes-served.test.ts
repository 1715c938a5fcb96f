import { expect, test } from "vitest";
import { isCancellation, workflow } from "../../src/sdk/workflow/index.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer();

const activities = {
  hang: (_: unknown, { signal, heartbeat }: { signal: AbortSignal; heartbeat(details: unknown): void }) =>
    new Promise<void>((_resolve, reject) => {
      const beat = setInterval(() => heartbeat("alive"), 5);
      signal.addEventListener("abort", () => {
        clearInterval(beat);
        reject(signal.reason);
      });
    }),
  undo: async (what: string) => `undid ${what}`,
};

const careful = workflow("Careful", async (ctx, _input: null) => {
  const { undo } = ctx.activities<typeof activities>();
  const options = { onCancel: "wait" as const, heartbeatTimeout: 100 };
  const late = await ctx
    .timeout(50, () => ctx.activity("hang", null, options))
    .catch((error: Error) => error.name);
  try {
    await ctx.activity("hang", null, options);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return [late, await undo("it")];
  }
});

test("time limits and cancellations reach the activity, and clean-up runs behind them", async () => {
  await server.work({ workflows: [careful], activities });
  const handle = await server.client.start(careful, null);
  await expect
    .poll(async () => (await handle.describe()).pendingActivities.map((activity) => activity.seq), {
      timeout: 10_000,
    })
    .toEqual([4]);
  await handle.cancel("enough");
  expect(await handle.result()).toEqual(["TimeoutFailure", "undid it"]);
});
