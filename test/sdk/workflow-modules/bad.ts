/** Workflows that hold their thread, and healthy ones beside them. */
import { workflow } from "../../../src/sdk/workflow/index.js";

export const spin = workflow("Spin", async (ctx, _input: null) => {
  await ctx.sleep(1);
  for (;;) {
    // Never gives the thread back.
  }
});

export const healthy = workflow("Healthy", async (ctx, rounds: number) => {
  for (let round = 0; round < rounds; round++) await ctx.sleep(20);
  return rounds;
});
