import { condition, defineSignal, proxyActivities, setHandler } from "@temporalio/workflow";
import type * as activities from "./activities.js";

const { ask, escalate } = proxyActivities<typeof activities>({
  startToCloseTimeout: "10s",
  retry: { maximumAttempts: 3 },
});

export const decide = defineSignal<[{ by: string; isApproved: boolean }]>("decide");

export async function approval(expense: string) {
  let decision: string | undefined;
  setHandler(decide, ({ by, isApproved }) => {
    decision = isApproved ? `approved by ${by}` : `declined by ${by}`;
  });
  await ask(expense);
  if (await condition(() => decision !== undefined, "3 days")) return decision;
  await escalate(expense);
  return "escalated";
}
