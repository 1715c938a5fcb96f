/** What a run waits for of its activities. */
import { WaitingReason } from "../../gen/pawl/v1/workflow_service_pb.js";
import type { ActivityState, Lease } from "./run-state.js";
import type { Waiting, WaitingView } from "./waiting.js";
import { iso, maxNamed, messageOf, nameOf } from "./waiting-words.js";

/** Describes pending activities, those of the lowest rank first and by name; of so many as one reads. */
export function describeActivities(
  activities: readonly ActivityState[],
  view: WaitingView,
  rank: (waiting: Waiting) => number,
): Waiting[] {
  const all = activities.map((activity) => describe(activity, view)).sort((a, b) => rank(a) - rank(b));
  const [next] = all.slice(maxNamed);
  if (next === undefined) return all;
  const rest = { ...next, explanation: `Waits for ${all.length - maxNamed} more activities.` };
  return [...all.slice(0, maxNamed), rest];
}

function describe(activity: ActivityState, view: WaitingView): Waiting {
  const { activityId, activityType: type, taskQueue, lease, readyAt, scheduledAt } = activity;
  const what = `activity "${activityId}" of type "${type}"`;
  if (lease !== undefined) {
    const explanation = `Worker ${nameOf(lease)} runs ${what} since ${iso(lease.startedAt)} (${attemptOf(activity)}), ${heartbeatOf(activity, lease)}${failureOf(activity)}.`;
    return { reason: WaitingReason.ACTIVITY, explanation, since: lease.startedAt };
  }
  if (readyAt > view.now) {
    const explanation = `The next try of ${what} comes at ${iso(readyAt)} (${attemptOf(activity)})${failureOf(activity)}.`;
    return { reason: WaitingReason.ACTIVITY_BACK_OFF, explanation, since: scheduledAt };
  }
  const queue = `queue "${taskQueue}"`;
  const tries = ` (${attemptOf(activity)})${failureOf(activity)}`;
  return view.isPolled({ kind: "activity", taskQueue, type })
    ? {
        reason: WaitingReason.WORKERS_BUSY,
        explanation: `Waits since ${iso(readyAt)} for one of the workers that poll ${queue} to take ${what}: all are busy${tries}.`,
        since: readyAt,
      }
    : {
        reason: WaitingReason.NO_WORKER,
        explanation: `No worker that handles its type polls ${queue}: ${what} waits since ${iso(readyAt)}${tries}.`,
        since: readyAt,
      };
}

function attemptOf({ attempt, retry: { maximumAttempts } }: ActivityState): string {
  return maximumAttempts === 0 ? `attempt ${attempt}` : `attempt ${attempt} of ${maximumAttempts}`;
}

function heartbeatOf({ heartbeat, cancelRequestedEventId }: ActivityState, { epoch }: Lease): string {
  const asked = cancelRequestedEventId === undefined ? "" : "was asked to cancel, ";
  return heartbeat?.epoch === epoch
    ? `${asked}last heartbeat at ${iso(heartbeat.at)}`
    : `${asked}no heartbeat yet`;
}

function failureOf({ lastFailure }: ActivityState): string {
  return lastFailure === undefined ? "" : `; the last failure: ${messageOf(lastFailure)}`;
}
