/** What a worker does with an activity: takes it, finishes it, gives it back. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RetryState } from "../../gen/pawl/v1/failure_pb.js";
import type { ActivityCompletion } from "../../gen/pawl/v1/task_pb.js";
import { leaseActivity, makeActivityReady } from "./activity-attempt.js";
import { endByWorker, recordStarted } from "./activity-end.js";
import {
  type ActivityFence,
  type ActivityTarget,
  isEnded,
  type RunningActivity,
  runningActivity,
} from "./activity-target.js";
import { activityDeadlines } from "./deadlines.js";
import { type EventKind, openDraft } from "./draft.js";
import { RefusedError } from "./errors.js";
import { checkFailure, cutFailure } from "./failure.js";
import { checkPayload } from "./payload.js";
import type { RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import type { Caller, Context, HandedTask, Poller, RunTransition } from "./transition.js";

/** Gives an activity to a poll. Undefined: it is not ready, or another has it. The same poll again gets the same task. */
export function startActivity(
  state: RunState,
  { seq, poller }: { readonly seq: number; readonly poller: Poller },
  context: Context,
): RunTransition<HandedTask | undefined> {
  const activity = state.activities.get(seq);
  if (activity === undefined) return unchanged(state, undefined);
  if (activity.lease !== undefined) {
    const { epoch, pollId } = activity.lease;
    const isSamePoll = pollId !== "" && pollId === poller.pollId;
    return unchanged(
      state,
      isSamePoll ? { kind: "activity", pollId, runId: state.runId, seq, epoch } : undefined,
    );
  }
  const draft = openDraft(state, context);
  if (activity.readyAt > draft.now) return unchanged(state, undefined);
  for (const { kind, at } of activityDeadlines(activity)) {
    if (kind !== "activity-ready" && at <= context.now) return unchanged(state, undefined);
  }
  leaseActivity(draft, activity, poller);
  const started = settle(draft, undefined);
  return { ...started, outcome: started.handed[0] };
}

/** Who finishes an activity, and how. */
export interface CompleteActivityInput {
  readonly target: ActivityTarget;
  readonly completion: ActivityCompletion;
  readonly caller: Caller;
  readonly workerId: string;
}

/** Ends an activity with a result, with a failure that is not retried, or as cancelled. */
export function completeActivity(
  state: RunState,
  { target, completion, caller }: CompleteActivityInput,
  context: Context,
): RunTransition<{ readonly alreadyApplied: boolean }> {
  if (isEnded(state, target, "completion")) return unchanged(state, { alreadyApplied: true });
  const activity = runningActivity(state, target);
  const draft = openDraft(state, context);
  const startedEventId = recordStarted(draft, activity);
  const outcome = outcomeOf(activity, startedEventId, completion, context);
  endByWorker(draft, activity, { target, by: "completion" }, outcome, caller);
  return settle(draft, { alreadyApplied: false });
}

/** Takes back an activity that was not delivered: the same attempt is offered again. Nothing happens if the lease is over. */
export function returnActivity(
  state: RunState,
  { fence }: { readonly fence: ActivityFence },
  context: Context,
): RunTransition<{ readonly returned: boolean }> {
  const activity = state.activities.get(fence.seq);
  const isHeld = fence.runId === state.runId && activity?.lease?.epoch === fence.epoch;
  if (activity === undefined || !isHeld) return unchanged(state, { returned: false });
  const draft = openDraft(state, context);
  makeActivityReady(draft, activity);
  return settle(draft, { returned: true });
}

/** What a heartbeat is told. Throws STALE_LEASE if the attempt is over. */
export function checkHeartbeat(
  state: RunState,
  target: ActivityTarget,
): { readonly seq: number; readonly epoch: number; readonly isCancelRequested: boolean } {
  const { seq, epoch, cancelRequestedEventId } = runningActivity(state, target);
  return { seq, epoch, isCancelRequested: cancelRequestedEventId !== undefined };
}

function outcomeOf(
  activity: RunningActivity,
  startedEventId: number,
  { outcome }: ActivityCompletion,
  { limits }: Context,
): EventKind {
  const { seq, scheduledEventId } = activity;
  const ids = { seq, scheduledEventId, startedEventId };
  switch (outcome.case) {
    case "failed": {
      checkFailure(outcome.value, "failed", limits);
      const failure = cutFailure(outcome.value, limits);
      const retryState = RetryState.NON_RETRYABLE_FAILURE;
      return { case: "activityFailed", value: { failure, retryState, attempts: activity.attempt, ...ids } };
    }
    case "cancelled": {
      const { details } = outcome.value;
      checkPayload(details, "cancelled.details", limits);
      const cancelRequestedEventId = requireCancelRequested(activity);
      const value = { ...ids, cancelRequestedEventId, ...(details === undefined ? {} : { details }) };
      return { case: "activityCancelled", value };
    }
    default: {
      checkPayload(outcome.value, "result", limits);
      const value = { ...ids, ...(outcome.value === undefined ? {} : { result: outcome.value }) };
      return { case: "activityCompleted", value };
    }
  }
}

function requireCancelRequested(activity: RunningActivity): number {
  if (activity.cancelRequestedEventId !== undefined) return activity.cancelRequestedEventId;
  const message = `activity "${activity.activityId}" can't end as cancelled, since it was not asked to cancel; complete or fail it`;
  throw new RefusedError(ErrorReason.CANCEL_NOT_REQUESTED, message);
}
