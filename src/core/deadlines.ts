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

/** Takes the deadlines of a run, one call each: every transition looks at all of them, so none is made into an object before it is due. */
type Visit = (at: Micros, eventId: number, kind: Deadline["kind"], subject?: DeadlineSubject) => void;
type DeadlineSubject = TimerState | ActivityState | StartedTask;

/** The earliest point in time at which something of the run is due. Undefined: nothing ever is. */
export function earliestDeadline(run: RunState): Micros | undefined {
  let earliest = Number.POSITIVE_INFINITY;
  visitDeadlines(run, (at) => {
    if (at < earliest) earliest = at;
  });
  return earliest === Number.POSITIVE_INFINITY ? undefined : earliest;
}

/** What is due, in the order in which it has to happen: by time, then by event, then as the kinds of an activity are listed. */
export function dueDeadlines(run: RunState, now: Micros): Deadline[] {
  const due: Deadline[] = [];
  visitDeadlines(run, (at, eventId, kind, subject) => {
    if (at <= now) due.push({ at, eventId, kind, subject } as Deadline);
  });
  // The sort is stable, and an activity's deadlines come in their order.
  return due.sort((a, b) => a.at - b.at || a.eventId - b.eventId);
}

/** The deadlines of a pending activity. */
export function activityDeadlines(activity: ActivityState): Deadline[] {
  const deadlines: Deadline[] = [];
  visitActivity(activity, (at, eventId, kind, subject) =>
    deadlines.push({ at, eventId, kind, subject } as Deadline),
  );
  return deadlines;
}

function visitDeadlines(run: RunState, visit: Visit): void {
  const { workflowTask: task, settings } = run;
  if (settings.expiresAt !== undefined && run.closedAt === undefined) {
    visit(settings.expiresAt, 0, "run-expired");
  }
  for (const timer of run.timers.values()) visit(timer.fireAt, timer.scheduledEventId, "timer", timer);
  for (const activity of run.activities.values()) visitActivity(activity, visit);
  if (task !== undefined) visitTask(task, visit);
}

function visitActivity(activity: ActivityState, visit: Visit): void {
  const { scheduledEventId: eventId, lease, readyAt, expiresAt } = activity;
  if (lease === undefined) {
    if (activity.readyPosition === undefined) visit(readyAt, eventId, "activity-ready", activity);
    if (activity.scheduleToStartMs !== undefined) {
      visit(addMs(readyAt, activity.scheduleToStartMs), eventId, "schedule-to-start", activity);
    }
  }
  if (expiresAt !== undefined) visit(expiresAt, eventId, "schedule-to-close", activity);
  if (lease !== undefined) {
    visit(lease.expiresAt, eventId, "start-to-close", activity);
    if (activity.heartbeatMs !== undefined) {
      visit(addMs(lastSignOfLife(activity, lease), activity.heartbeatMs), eventId, "heartbeat", activity);
    }
  }
}

function visitTask(task: WorkflowTaskState, visit: Visit): void {
  const { scheduledEventId: eventId, lease } = task;
  if (lease !== undefined) visit(lease.expiresAt, eventId, "task-expired", { ...task, lease });
  else if (task.readyPosition === undefined) visit(task.readyAt, eventId, "task-ready");
}

/** When whoever has an activity was last heard of as its holder. */
export function lastSignOfLife(
  { heartbeat }: ActivityState,
  lease: { epoch: number; startedAt: Micros },
): Micros {
  return heartbeat?.epoch === lease.epoch ? Math.max(heartbeat.at, lease.startedAt) : lease.startedAt;
}
