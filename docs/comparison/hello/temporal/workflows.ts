import { proxyActivities } from "@temporalio/workflow";
import type * as activities from "./activities.js";

const { greet } = proxyActivities<typeof activities>({
  startToCloseTimeout: "10s",
  retry: { maximumAttempts: 3 },
});

export async function hello(name: string) {
  return await greet(name);
}
