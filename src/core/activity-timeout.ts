/** A deadline of an activity passes: the attempt is tried again, or the activity has timed out. */
import { type Failure, RetryState, TimeoutKind } from "../../gen/pawl/v1/failure_pb.js";
import { recordStarted } from "./activity-end.js";
import { nextAttempt } from "./activity-retry.js";
import type { RunningActivity } from "./activity-target.js";
import type { ActivityDeadlineKind } from "./deadlines.js";
import { type Draft, removeActivity } from "./draft.js";
import { cutFailure, timeoutFailure } from "./failure.js";
import { recordOutside } from "./outside.js";
import { decideRetry } from "./retry-rule.js";
import type { ActivityState } from "./run-state.js";

/** Why an activity, or an attempt at it, is over: what its deadlines are called, and the death of its worker. */
export type ActivityTimeout = Exclude<ActivityDeadlineKind, "activity-ready"> | "dead-worker";

/** Acts on a deadline that has passed, or on a worker that is dead. Those of an attempt count as its failure; the others end the activity. */
export function timeOutActivity(draft: Draft, activity: ActivityState, timeout: ActivityTimeout): void {
  const failure = failureOf(activity, timeout);
  const { lease } = activity;
  if (lease === undefined) {
    endTimedOut(draft, activity, 0, failure, timeout, finalState[timeout]);
    return;
  }
  const running = { ...activity, lease };
  const decision = isOfAttempt(timeout)
    ? decideRetry(activity, failure, draft.now, draft.context)
    : { isRetried: false as const, retryState: finalState[timeout] };
  if (decision.isRetried) nextAttempt(draft, running, cutFailure(failure, draft.context.limits), decision.at);
  else endRunning(draft, running, failure, timeout, decision.retryState);
}

const kinds: Record<ActivityTimeout, TimeoutKind> = {
  "schedule-to-start": TimeoutKind.SCHEDULE_TO_START,
  "schedule-to-close": TimeoutKind.SCHEDULE_TO_CLOSE,
  "start-to-close": TimeoutKind.START_TO_CLOSE,
  heartbeat: TimeoutKind.HEARTBEAT,
  "dead-worker": TimeoutKind.HEARTBEAT,
};

const messages: Record<ActivityTimeout, string> = {
  "schedule-to-start": "no worker took the activity within its schedule-to-start timeout",
  "schedule-to-close": "the attempts at the activity took longer than its schedule-to-close timeout",
  "start-to-close": "the attempt took longer than the activity's start-to-close timeout",
  heartbeat: "no heartbeat came within the activity's heartbeat timeout",
  "dead-worker": "the worker that had the activity was silent for so long that it was declared dead",
};

/** Why no further attempt is made after a deadline that is none of an attempt. */
const finalState: Record<ActivityTimeout, RetryState> = {
  "schedule-to-start": RetryState.NON_RETRYABLE_FAILURE,
  "schedule-to-close": RetryState.TIMEOUT,
  "start-to-close": RetryState.TIMEOUT,
  heartbeat: RetryState.TIMEOUT,
  "dead-worker": RetryState.TIMEOUT,
};

function isOfAttempt(timeout: ActivityTimeout): boolean {
  return timeout === "start-to-close" || timeout === "heartbeat" || timeout === "dead-worker";
}

function failureOf({ heartbeat, lease }: ActivityState, timeout: ActivityTimeout): Failure {
  const isOfThisAttempt = heartbeat !== undefined && heartbeat.epoch === lease?.epoch;
  return timeoutFailure(kinds[timeout], messages[timeout], isOfThisAttempt ? heartbeat.details : undefined);
}

function endRunning(
  draft: Draft,
  running: RunningActivity,
  failure: Failure,
  timeout: ActivityTimeout,
  retryState: RetryState,
): void {
  endTimedOut(draft, running, recordStarted(draft, running), failure, timeout, retryState);
}

function endTimedOut(
  draft: Draft,
  { seq, scheduledEventId, attempt, lease, lastFailure: cause }: ActivityState,
  startedEventId: number,
  failure: Failure,
  timeout: ActivityTimeout,
  retryState: RetryState,
): void {
  const value = {
    scheduledEventId,
    startedEventId,
    seq,
    kind: kinds[timeout],
    failure: cutFailure(cause === undefined ? failure : { ...failure, cause }, draft.context.limits),
    retryState,
    attempts: lease === undefined ? attempt - 1 : attempt,
  };
  recordOutside(draft, { case: "activityTimedOut", value });
  removeActivity(draft, seq);
}
