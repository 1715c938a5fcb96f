import { proxyActivities, sleep } from "@temporalio/workflow";
import type * as activities from "./activities.js";

const { isPaid, remind } = proxyActivities<typeof activities>({
  startToCloseTimeout: "10s",
  retry: { maximumAttempts: 3 },
});

export async function reminders(invoice: string) {
  for (let week = 1; week <= 3; week++) {
    await sleep("7 days");
    if (await isPaid(invoice)) return "paid";
    await remind(invoice);
  }
  return "reminded in vain";
}
