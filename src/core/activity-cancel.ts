/** Asking activities to cancel. */
import {
  appendEvent,
  type Draft,
  type EventKind,
  type EventMeta,
  putActivity,
  removeActivity,
} from "./draft.js";
import { recordOutside } from "./outside.js";
import type { ActivityState } from "./run-state.js";

/** What asked for it: a command, or the run's cancellation. The other is 0. */
export interface CancelCause {
  readonly taskCompletedEventId: number;
  readonly causeEventId: number;
}

/** Asks a pending activity to cancel: one that nobody runs ends at once, one that runs is told with its next heartbeat. */
export function requestActivityCancel(
  draft: Draft,
  activity: ActivityState,
  cause: CancelCause,
  meta: EventMeta,
): void {
  if (activity.cancelRequestedEventId !== undefined) return;
  const { seq, scheduledEventId } = activity;
  const kind: EventKind = {
    case: "activityCancelRequested",
    value: { scheduledEventId, seq, ...cause },
  };
  // Workflow code need not hear of what it asked for itself.
  const isOfCommand = cause.taskCompletedEventId > 0;
  const cancelRequestedEventId = isOfCommand
    ? appendEvent(draft, kind, meta)
    : recordOutside(draft, kind, meta);
  if (activity.lease !== undefined) {
    putActivity(draft, { ...activity, cancelRequestedEventId });
    return;
  }
  const cancelled = { scheduledEventId, seq, cancelRequestedEventId };
  recordOutside(draft, { case: "activityCancelled", value: cancelled });
  removeActivity(draft, seq);
}
