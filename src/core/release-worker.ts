/** A worker is dead: what it had of a run comes back, as if its leases were over. */
import { timeOutActivity } from "./activity-timeout.js";
import { lastSignOfLife } from "./deadlines.js";
import { openDraft } from "./draft.js";
import type { Micros, RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import { type StartedTask, startedTask } from "./task-attempt.js";
import { addMs } from "./time.js";
import type { Context, RunTransition } from "./transition.js";
import { timeOutTask } from "./workflow-task.js";

/** A worker that was declared dead. */
export interface DeadWorker {
  readonly workerId: string;
  /** It was not heard of since. What it took, renewed or sent a heartbeat for later than this, it keeps: it has come back. */
  readonly silentSince: Micros;
}

/** What was taken from it. */
export interface ReleasedTasks {
  readonly workflowTasks: number;
  readonly activities: number;
}

/** Ends the leases of a dead worker: its workflow task times out, and its attempts at activities fail for want of a heartbeat. */
export function releaseWorker(
  state: RunState,
  dead: DeadWorker,
  context: Context,
): RunTransition<ReleasedTasks> {
  const task = startedTask(state);
  const isTaskHeld = task !== undefined && isHeldByDead(task.lease, dead, renewedAt(state, task));
  const activities = [...state.activities.values()].filter(
    (activity) =>
      activity.lease !== undefined &&
      isHeldByDead(activity.lease, dead, lastSignOfLife(activity, activity.lease)),
  );
  const released = { workflowTasks: isTaskHeld ? 1 : 0, activities: activities.length };
  if (!isTaskHeld && activities.length === 0) return unchanged(state, released);
  const draft = openDraft(state, context);
  if (isTaskHeld) timeOutTask(draft, task);
  for (const activity of activities) timeOutActivity(draft, activity, "dead-worker");
  return settle(draft, released);
}

function isHeldByDead(
  { workerId }: { readonly workerId: string },
  dead: DeadWorker,
  heardAt: Micros,
): boolean {
  return workerId === dead.workerId && heardAt <= dead.silentSince;
}

/** When the lease began or was last renewed: either gives it the same term. */
function renewedAt({ settings }: RunState, { lease }: StartedTask): Micros {
  return addMs(lease.expiresAt, -settings.workflowTaskTimeoutMs);
}
