/** A workflow of many steps. */
import { workflow } from "../../../src/sdk/workflow/index.js";

/** Without steps, one that is held by its activity. */
export const stepped = workflow("Stepped", async (ctx, { name, steps }: { name: string; steps: number }) => {
  if (steps === 0) return ctx.activity<string>("hold");
  for (let n = 0; n < steps; n++) await ctx.activity("step", `${name}/${n}`);
  return `${steps} steps`;
});
