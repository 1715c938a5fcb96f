import { defineSignal, workflow } from "pawl/workflow";
import type * as activities from "./activities.js";

export const decide = defineSignal<{ by: string; isApproved: boolean }>("decide");

export const approval = workflow("Approval", async (ctx, expense: string) => {
  const { ask, escalate } = ctx.activities<typeof activities>({ startToCloseTimeout: "10s" });
  await ask(expense);
  const decision = await ctx.waitForSignal(decide, { timeout: "3 days" });
  if (decision) return decision.isApproved ? `approved by ${decision.by}` : `declined by ${decision.by}`;
  await escalate(expense);
  return "escalated";
});
