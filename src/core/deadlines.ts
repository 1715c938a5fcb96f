/** What of a run is due when. */
import type { ActivityState, Micros, RunState, TimerState, WorkflowTaskState } from "./run-state.js";
import type { StartedTask } from "./task-attempt.js";
import { addMs } from "./time.js";

/** A point in time at which something of a run is due. */
export type Deadline = DeadlineAt &
  (
    | { readonly kind: "timer"; readonly subject: TimerState }
    | { readonly kind: ActivityDeadlineKind; readonly subject: ActivityState }
    | { readonly kind: "task-expired"; readonly subject: StartedTask }
    | { readonly kind: "task-ready" }
    | { readonly kind: "run-expired" }
  );

/** Which deadline of an activity, in the order in which they count when they fall together. */
export type ActivityDeadlineKind =
  | "activity-ready"
  | "schedule-to-start"
  | "schedule-to-close"
  | "start-to-close"
  | "heartbeat";

interface DeadlineAt {
  readonly at: Micros;
  /** The event it goes back to: of those at the same time the earlier one is first. */
  readonly eventId: number;
}

/** The earliest point in time at which something of the run is due. Undefined: nothing ever is. */
export function earliestDeadline(run: RunState): Micros | undefined {
  let earliest = Number.POSITIVE_INFINITY;
  for (const { at } of deadlinesOf(run)) earliest = Math.min(earliest, at);
  return earliest === Number.POSITIVE_INFINITY ? undefined : earliest;
}

/** What is due, in the order in which it has to happen: by time, then by event, then as the kinds of an activity are listed. */
export function dueDeadlines(run: RunState, now: Micros): Deadline[] {
  const due: Deadline[] = [];
  for (const deadline of deadlinesOf(run)) if (deadline.at <= now) due.push(deadline);
  // The sort is stable, and an activity's deadlines come in their order.
  return due.sort((a, b) => a.at - b.at || a.eventId - b.eventId);
}

/** The deadlines of a pending activity. */
export function* activityDeadlines(activity: ActivityState): Generator<Deadline> {
  const { scheduledEventId: eventId, lease, readyAt, expiresAt } = activity;
  const of = (kind: ActivityDeadlineKind, at: Micros): Deadline => ({ kind, at, eventId, subject: activity });
  if (lease === undefined) {
    if (activity.readyPosition === undefined) yield of("activity-ready", readyAt);
    if (activity.scheduleToStartMs !== undefined) {
      yield of("schedule-to-start", addMs(readyAt, activity.scheduleToStartMs));
    }
  }
  if (expiresAt !== undefined) yield of("schedule-to-close", expiresAt);
  if (lease !== undefined) {
    yield of("start-to-close", lease.expiresAt);
    if (activity.heartbeatMs !== undefined) {
      yield of("heartbeat", addMs(lastSignOfLife(activity, lease), activity.heartbeatMs));
    }
  }
}

function* deadlinesOf(run: RunState): Generator<Deadline> {
  const { workflowTask: task, settings } = run;
  if (settings.expiresAt !== undefined && run.closedAt === undefined) {
    yield { kind: "run-expired", at: settings.expiresAt, eventId: 0 };
  }
  for (const timer of run.timers.values()) {
    yield { kind: "timer", at: timer.fireAt, eventId: timer.scheduledEventId, subject: timer };
  }
  for (const activity of run.activities.values()) yield* activityDeadlines(activity);
  if (task !== undefined) yield* taskDeadlines(task);
}

function* taskDeadlines(task: WorkflowTaskState): Generator<Deadline> {
  const { scheduledEventId: eventId, lease } = task;
  if (lease !== undefined)
    yield { kind: "task-expired", at: lease.expiresAt, eventId, subject: { ...task, lease } };
  else if (task.readyPosition === undefined) yield { kind: "task-ready", at: task.readyAt, eventId };
}

/** When whoever has an activity was last heard of as its holder. */
export function lastSignOfLife(
  { heartbeat }: ActivityState,
  lease: { epoch: number; startedAt: Micros },
): Micros {
  return heartbeat?.epoch === lease.epoch ? Math.max(heartbeat.at, lease.startedAt) : lease.startedAt;
}
