import { expect, test } from "vitest";
import { createWorker, type WorkerOptions } from "../../src/sdk/worker/index.js";
import { workflow } from "../../src/sdk/workflow/index.js";

const order = workflow("Order", async () => 1);
const another = workflow("Order", async () => 2);

test.each<[string, object, string]>([
  [
    "two workflows of a type",
    { workflows: [order, another] },
    'workflows has two of type "Order": a type must be told apart, so rename one',
  ],
  [
    "something that is no workflow",
    { workflows: [order, async () => 1] },
    "workflows[1] is no workflow: give what workflow(name, code) returns",
  ],
  [
    "an activity that is no function",
    { activities: { charge: async () => 1, currency: "EUR" } },
    'activities has "currency", which is no function: leave it out',
  ],
  ["no pollers", { pollers: 0 }, "pollers is a whole number from 1, not 0"],
  ["half a slot", { activitySlots: 0.5 }, "activitySlots is a whole number from 0, not 0.5"],
  ["slots below 0", { workflowSlots: -1 }, "workflowSlots is a whole number from 0, not -1"],
  ["a cache of no number", { cachedRuns: Number.NaN }, "cachedRuns is a whole number from 0, not NaN"],
  ["no threads", { workflowThreads: 0 }, "workflowThreads is a whole number from 1, not 0"],
  ["a text for a time", { drainMs: "10s" }, 'drainMs is a whole number from 0, not "10s"'],
  ["a turn of no time", { turnLimitMs: 0 }, "turnLimitMs is a whole number from 1, not 0"],
])("a worker with %s is refused when it is made", (_, options, message) => {
  expect(() => createWorker(options as WorkerOptions)).toThrow(message);
});

test("the same workflow twice is no contradiction", async () => {
  await createWorker({ workflows: [order, order] }).stop();
});
