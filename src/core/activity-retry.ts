/** An attempt at an activity fails: it is tried again, or the activity has failed. */
import type { Failure } from "../../gen/pawl/v1/failure_pb.js";
import type { Payload } from "../../gen/pawl/v1/payload_pb.js";
import { makeActivityReady } from "./activity-attempt.js";
import { endByWorker, recordStarted } from "./activity-end.js";
import { type ActivityTarget, isEnded, type RunningActivity, runningActivity } from "./activity-target.js";
import { type Draft, openDraft } from "./draft.js";
import { checkFailure, cutFailure } from "./failure.js";
import { checkDetails } from "./payload.js";
import { decideRetry } from "./retry-rule.js";
import type { ActivityState, Micros, RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import type { Caller, Context, RunTransition } from "./transition.js";

/** Who fails an attempt, and why. */
export interface FailActivityInput {
  readonly target: ActivityTarget;
  readonly failure: Failure;
  /** For the next attempt. Undefined: those of the last heartbeat stay. */
  readonly heartbeatDetails: Payload | undefined;
  readonly caller: Caller;
  readonly workerId: string;
}

/** What became of it. */
export interface FailActivityOutcome {
  readonly alreadyApplied: boolean;
  /** When the next attempt is due. Undefined: there is none. */
  readonly nextAttemptAt: Micros | undefined;
}

/** Fails the attempt that runs; the retry rule decides what follows. */
export function failActivity(
  state: RunState,
  { target, failure, heartbeatDetails, caller }: FailActivityInput,
  context: Context,
): RunTransition<FailActivityOutcome> {
  if (isEnded(state, target, "failure"))
    return unchanged(state, { alreadyApplied: true, nextAttemptAt: undefined });
  const failed = failedBefore(state, target);
  if (failed !== undefined) return unchanged(state, { alreadyApplied: true, nextAttemptAt: failed.readyAt });
  const activity = runningActivity(state, target);
  checkFailure(failure, "failure", context.limits);
  checkDetails(heartbeatDetails, "heartbeat_details", context.limits);
  const draft = openDraft(state, context);
  const { epoch } = activity;
  const heartbeat = heartbeatDetails && { epoch, at: draft.now, details: heartbeatDetails };
  const decision = decideRetry(activity, failure, draft.now, context);
  const lastFailure = cutFailure(failure, context.limits);
  if (decision.isRetried) {
    const told = { ...activity, failedEpoch: epoch, heartbeat: heartbeat ?? activity.heartbeat };
    nextAttempt(draft, told, lastFailure, decision.at);
    return settle(draft, { alreadyApplied: false, nextAttemptAt: decision.at });
  }
  const { seq, scheduledEventId, attempt: attempts } = activity;
  const startedEventId = recordStarted(draft, activity);
  const { retryState } = decision;
  const value = { seq, scheduledEventId, startedEventId, failure: lastFailure, retryState, attempts };
  endByWorker(draft, activity, { target, by: "failure" }, { case: "activityFailed", value }, caller);
  return settle(draft, { alreadyApplied: false, nextAttemptAt: undefined });
}

/** The next attempt waits until its time. */
export function nextAttempt(
  draft: Draft,
  activity: RunningActivity,
  lastFailure: Failure,
  readyAt: Micros,
): void {
  makeActivityReady(draft, { ...activity, attempt: activity.attempt + 1, readyAt, lastFailure });
}

/** The activity, if the holder of this very lease has failed its attempt before. */
function failedBefore(state: RunState, target: ActivityTarget): ActivityState | undefined {
  if (target.kind !== "fence" || target.fence.runId !== state.runId) return undefined;
  const activity = state.activities.get(target.fence.seq);
  return activity?.failedEpoch === target.fence.epoch ? activity : undefined;
}
