/** Workflows that cost what the SDK costs: their activities do nothing. */
import { workflow } from "pawl/workflow";

/** The activity of all of them. */
export const emptyActivity = "empty";

/** So many steps, one after another. */
export const stepByStep = workflow("StepByStep", async (ctx, steps: number) => {
  for (let step = 0; step < steps; step++) await ctx.activity(emptyActivity);
});

/** Waits for a signal that never comes, with 22 events behind it. */
export const waiting = workflow("Waiting", async (ctx) => {
  for (let step = 0; step < 3; step++) await ctx.activity(emptyActivity);
  await ctx.signal("never").next();
});
