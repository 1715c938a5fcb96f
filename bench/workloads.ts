/**
 * The workflow that is measured, told once for the client that starts it and the worker that runs it: a payload of 100 bytes goes through a number of
 * activities in sequence. Each adds one to the count at its end, so that the result tells how many there were.
 */
import { create } from "@bufbuild/protobuf";
import { type Payload, PayloadSchema } from "../gen/pawl/v1/payload_pb.js";

/** The queue that client and worker meet on. */
export const taskQueue = "bench";

/** The type of the activity. */
export const activityType = "AddOne";

/** A workload of the closed loop: so many clients that each start a workflow, wait for its result, and start the next. */
export interface Workload {
  readonly name: "one-activity" | "ten-activities" | "lone";
  readonly workflowType: string;
  readonly activities: number;
  readonly concurrency: number;
}

/** The workloads of the closed loop. */
export const workloads: readonly Workload[] = [
  { name: "one-activity", workflowType: "OneActivity", activities: 1, concurrency: 64 },
  { name: "ten-activities", workflowType: "TenActivities", activities: 10, concurrency: 64 },
  { name: "lone", workflowType: "LoneActivity", activities: 1, concurrency: 1 },
];

/** The type of workflows that end at once. */
export const emptyWorkflowType = "NoActivity";

/** How many activities the workflows of each type run. */
export const activitiesOfType: ReadonlyMap<string, number> = new Map([
  ...workloads.map(({ workflowType, activities }) => [workflowType, activities] as const),
  [emptyWorkflowType, 0],
]);

/**
 * How many events a run of that many activities has if nothing had to be tried again: started, a workflow task (scheduled, started, completed) at the
 * start and after each activity (scheduled, started, completed), and the end.
 */
export function eventsOfRun(activities: number): number {
  return 2 + 3 * (activities + 1) + 3 * activities;
}

const bytes = 100;
const countDigits = 3;

/** A payload of 100 bytes of JSON that names its workflow and how many activities it went through. */
export function payloadOf(id: string, count: number): Payload {
  const text = `"${id.padEnd(bytes - countDigits - 2, ".")}${String(count).padStart(countDigits, "0")}"`;
  return create(PayloadSchema, { body: { case: "json", value: text } });
}

/** How many activities a payload went through. */
export function countOf(payload: Payload | undefined): number {
  return Number(textOf(payload).slice(-countDigits - 1, -1));
}

/** What an activity makes of its input. */
export function addOne(input: Payload | undefined): Payload {
  const text = textOf(input);
  const count = String(countOf(input) + 1).padStart(countDigits, "0");
  return create(PayloadSchema, {
    body: { case: "json", value: `${text.slice(0, -countDigits - 1)}${count}"` },
  });
}

/** The text of a payload; empty where there is none. */
export function textOf(payload: Payload | undefined): string {
  return payload?.body.case === "json" ? payload.body.value : "";
}
