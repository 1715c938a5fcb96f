/** Activities of workflow code. */
import type { RetryState } from "../../../gen/pawl/v1/failure_pb.js";
import { ActivityFailure } from "../failures.js";
import type { ActivityCalls, ActivityImplementations } from "../workflow/activities.js";
import type { ActivityOptions } from "../workflow/options.js";
import { scheduleActivityCommand } from "./activity-command.js";
import type { RunParts } from "./run-parts.js";
import type { Wait } from "./waits.js";

/** An activity that has not ended. */
export interface PendingActivity {
  readonly type: string;
  readonly id: string;
  readonly wait: Wait<unknown>;
}

/** Schedules an activity and waits for its result. */
export function callActivity(
  { log, waits, activities, started }: RunParts,
  type: string,
  input: unknown,
  options: ActivityOptions,
): Promise<unknown> {
  const rejected = waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  const { header } = started;
  const value = { ...scheduleActivityCommand(type, input, options), ...(header && { header }) };
  const { seq } = log.add({ case: "scheduleActivity", value });
  const wait = waits.open<unknown>(`the activity ${type}`, options, () => {
    const { onCancel = "request" } = options;
    if (onCancel !== "abandon") log.add({ case: "cancelActivity", value: { activitySeq: seq } });
    if (onCancel === "wait") return "wait";
    activities.delete(seq);
    return "reject";
  });
  activities.set(seq, { type, id: options.activityId || String(seq), wait });
  return wait.promise;
}

/** A function for each activity that is asked for. */
export function activityCalls<A extends ActivityImplementations>(
  call: (type: string, input: unknown) => Promise<unknown>,
): ActivityCalls<A> {
  return new Proxy(Object.create(null), {
    get: (_, type) =>
      typeof type === "string" && type !== "then" ? (input: unknown) => call(type, input) : undefined,
  });
}

/** How an activity ended without a result. */
export interface ActivityEnd {
  readonly cause: Error;
  readonly retryState: RetryState;
  /** Such as "timed out". */
  readonly verb: string;
}

/** An activity ended with a result. */
export function completeActivity({ activities }: RunParts, seq: number, result: unknown): void {
  activities.get(seq)?.wait.succeed(result);
  activities.delete(seq);
}

/** An activity ended without one. */
export function failActivity({ activities }: RunParts, seq: number, end: ActivityEnd): void {
  const activity = activities.get(seq);
  if (activity === undefined) return;
  activities.delete(seq);
  const { cause, retryState, verb } = end;
  const fields = { activityType: activity.type, activityId: activity.id, retryState, identity: "" };
  const message = `activity ${activity.type} ${verb}: ${cause.message}`;
  activity.wait.fail(new ActivityFailure(message, fields, { cause }));
}
