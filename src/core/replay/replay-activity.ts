/** What history tells of activities. */
import type { ActivityScheduled, HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { fillRetryRule } from "../retry-rule.js";
import type { ActivityState } from "../run-state.js";
import { addMicros, microsOf, readMicros, readMs } from "../time.js";
import type { Replay } from "./replay.js";

/** Goes through an event that may be of an activity. */
export function replayActivity({ activities }: Replay, event: HistoryEvent): void {
  const { eventId, kind } = event;
  switch (kind.case) {
    case "activityScheduled":
      activities.set(kind.value.seq, scheduledActivity(event, kind.value));
      return;
    case "activityCancelRequested": {
      const activity = activities.get(kind.value.seq);
      if (activity !== undefined)
        activities.set(kind.value.seq, { ...activity, cancelRequestedEventId: eventId });
      return;
    }
    case "activityCompleted":
    case "activityFailed":
    case "activityTimedOut":
    case "activityCancelled":
      activities.delete(kind.value.seq);
      return;
    default:
      return;
  }
}

/** As it was scheduled: attempts leave no events. */
function scheduledActivity(
  { eventId, eventTime }: HistoryEvent,
  scheduled: ActivityScheduled,
): ActivityState {
  const { seq, activityId, activityType, taskQueue, priority, scheduleToCloseTimeout } = scheduled;
  const scheduledAt = microsOf(eventTime);
  return {
    ...{ seq, activityId, activityType, taskQueue, priority },
    scheduledEventId: eventId,
    scheduledAt,
    startToCloseMs: readMs(scheduled.startToCloseTimeout, "start_to_close_timeout") ?? 0,
    scheduleToStartMs: readMs(scheduled.scheduleToStartTimeout, "schedule_to_start_timeout"),
    heartbeatMs: readMs(scheduled.heartbeatTimeout, "heartbeat_timeout"),
    expiresAt:
      scheduleToCloseTimeout &&
      addMicros(scheduledAt, readMicros(scheduleToCloseTimeout, "schedule_to_close_timeout")),
    retry: fillRetryRule(scheduled.retryPolicy, "retry_policy"),
    attempt: 1,
    readyAt: scheduledAt,
    readyPosition: undefined,
    epoch: 0,
    lease: undefined,
    cancelRequestedEventId: undefined,
    lastFailure: undefined,
    heartbeat: undefined,
  };
}
