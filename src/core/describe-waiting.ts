/** Why a run is not moving, in plain English. */
import type { ActivityState, RunState, WorkflowTaskState } from "./run-state.js";
import { isClosedStatus } from "./status.js";
import { pendingUpdates } from "./update-end.js";

/** How many activities are told of one by one. */
const maxNamed = 10;

/** What the run waits for, a sentence each. None for a closed run. */
export function describeWaiting(state: RunState): string[] {
  if (isClosedStatus(state.status)) return [];
  const activities = [...state.activities.values()];
  const reasons = [
    ...(state.workflowTask === undefined ? [] : [describeTask(state, state.workflowTask)]),
    ...activities.slice(0, maxNamed).map(describeActivity),
    ...(activities.length > maxNamed ? [`Waits for ${activities.length - maxNamed} more activities.`] : []),
    ...describeTimers(state),
    ...describeChildren(state),
    ...describeRequests(state),
    ...describeUpdates(state),
  ];
  return reasons.length > 0 ? reasons : ["Waits for a signal: nothing else is pending."];
}

function describeTask(state: RunState, task: WorkflowTaskState): string {
  const blocked = task.attempt > 1 ? ` after ${task.attempt - 1} failed attempts${because(task)}` : "";
  if (task.lease !== undefined)
    return `Waits for worker ${named(task.lease)} to finish a workflow task${blocked}.`;
  if (task.readyPosition === undefined)
    return `Its workflow task is blocked: it waits for its next try${blocked}.`;
  return `Waits for a worker that takes workflow tasks of type "${state.workflowType}" from queue "${state.taskQueue}"${blocked}.`;
}

function describeActivity(activity: ActivityState): string {
  const what = `activity "${activity.activityId}" of type "${activity.activityType}"`;
  const failed =
    activity.attempt > 1 ? ` after ${activity.attempt - 1} failed attempts${because(activity)}` : "";
  if (activity.lease !== undefined)
    return `Waits for worker ${named(activity.lease)} to finish ${what}${failed}.`;
  if (activity.readyPosition === undefined) return `Waits for the next try of ${what}${failed}.`;
  return `Waits for a worker that takes ${what} from queue "${activity.taskQueue}"${failed}.`;
}

function describeTimers({ timers }: RunState): string[] {
  if (timers.size === 0) return [];
  const next = Math.min(...[...timers.values()].map(({ fireAt }) => fireAt));
  const at = new Date(next / 1000).toISOString();
  return [
    timers.size === 1
      ? `Waits for a timer that fires at ${at}.`
      : `Waits for ${timers.size} timers; the next fires at ${at}.`,
  ];
}

function describeChildren({ children }: RunState): string[] {
  const list = [...children.values()];
  const named = list.slice(0, maxNamed).map(({ workflowId, startedEventId }) => {
    return startedEventId === undefined
      ? `Waits for its child "${workflowId}" to start.`
      : `Waits for its child "${workflowId}" to end.`;
  });
  return list.length > maxNamed ? [...named, `Waits for ${list.length - maxNamed} more children.`] : named;
}

function describeRequests({ externalRequests }: RunState): string[] {
  return [...externalRequests.values()].slice(0, maxNamed).map(({ kind, target: { workflowId } }) => {
    const what = kind === "signal" ? "its signal" : "its request to cancel";
    return `Waits for ${what} to reach workflow "${workflowId}".`;
  });
}

function describeUpdates(state: RunState): string[] {
  return pendingUpdates(state)
    .slice(0, maxNamed)
    .map(({ updateId, acceptedEventId }) =>
      acceptedEventId === undefined
        ? `Waits for its code to accept update "${updateId}".`
        : `Waits for its code to answer update "${updateId}".`,
    );
}

function because({
  lastFailure,
}: {
  readonly lastFailure: { readonly message: string } | undefined;
}): string {
  return lastFailure === undefined ? "" : ` (the last: ${lastFailure.message.slice(0, 200)})`;
}

function named({ identity, workerId }: { readonly identity: string; readonly workerId: string }): string {
  return `"${identity || workerId || "anonymous"}"`;
}
