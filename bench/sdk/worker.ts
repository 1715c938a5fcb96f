/** A worker of the SDK in a process of its own, which tells what it has done and cost when it is asked. */
import { createWorker, type WorkerOptions } from "pawl/worker";
import { emptyActivity } from "./workflows.js";

/** What it is asked for the figures with, and what it answers. */
export interface WorkerFigures {
  /** Attempts at activities so far. */
  readonly activities: number;
  /** Processor time so far, in milliseconds. */
  readonly cpuMs: number;
  /** Resident memory, in bytes. */
  readonly residentBytes: number;
}

/** Which kinds of tasks it takes. */
export type Kinds = "both" | "workflows" | "activities";

const [address = "", kinds = "both"] = process.argv.slice(2) as [string?, Kinds?];
let activities = 0;
const empty = async () => {
  activities++;
  return null;
};
const options: WorkerOptions = {
  address,
  ...(kinds !== "activities" && {
    workflows: new URL("./workflows.js", import.meta.url),
    workflowSlots: 256,
    cachedRuns: 20_000,
  }),
  ...(kinds !== "workflows" && { activities: { [emptyActivity]: empty }, activitySlots: 256 }),
};

// Goes with the process that started it, however that ends.
process.on("disconnect", () => process.exit(0));
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  const figures = { activities, cpuMs: (user + system) / 1_000, residentBytes: process.memoryUsage.rss() };
  process.send?.(figures satisfies WorkerFigures);
});
process.once("SIGTERM", () => void worker.stop().then(() => process.exit(0)));
const worker = createWorker(options);
await worker.start();
process.send?.({ kind: "ready" });
