import { workflow } from "pawl/workflow";
import type * as activities from "./activities.js";

export const reminders = workflow("Reminders", async (ctx, invoice: string) => {
  const { isPaid, remind } = ctx.activities<typeof activities>({ startToCloseTimeout: "10s" });
  for (let week = 1; week <= 3; week++) {
    await ctx.sleep("7 days");
    if (await isPaid(invoice)) return "paid";
    await remind(invoice);
  }
  return "reminded in vain";
});
