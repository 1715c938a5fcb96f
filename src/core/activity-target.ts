/** Which activity a worker means, and whether it still holds it. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "./errors.js";
import { staleLease, workflowClosed } from "./refusals.js";
import { type ActivityState, type Lease, type RunState, runKeyId } from "./run-state.js";
import { isClosedStatus } from "./status.js";

/** What a worker's token says of the activity that it holds. */
export interface ActivityFence {
  readonly runId: string;
  readonly seq: number;
  readonly epoch: number;
}

/** Which activity: by the holder's lease; or by id or seq, whoever runs it, for one that is completed from outside. */
export type ActivityTarget =
  | { readonly kind: "fence"; readonly fence: ActivityFence }
  | { readonly kind: "id"; readonly activityId: string }
  | { readonly kind: "seq"; readonly seq: number };

/** An activity that somebody runs. */
export interface RunningActivity extends ActivityState {
  readonly lease: Lease;
}

/** The activity that is meant. Throws STALE_LEASE if nobody runs it or the lease is another's, ACTIVITY_NOT_FOUND if it is not pending. */
export function runningActivity(state: RunState, target: ActivityTarget): RunningActivity {
  const activity = findActivity(state, target);
  const lease = activity?.lease;
  const what = `activity ${nameOf(target)}`;
  if (target.kind === "fence") {
    const isHeld = target.fence.runId === state.runId && lease?.epoch === target.fence.epoch;
    if (activity === undefined || lease === undefined || !isHeld) throw staleLease(what);
    return { ...activity, lease };
  }
  if (isClosedStatus(state.status)) throw workflowClosed(state);
  if (activity === undefined) throw activityNotFound(what);
  if (lease === undefined) throw staleLease(what);
  return { ...activity, lease };
}

/** By which call an activity was ended. */
export type EndedBy = "completion" | "failure";

/** Whether the holder of this very lease has ended the activity by such a call before. */
export function isEnded(state: RunState, target: ActivityTarget, by: EndedBy): boolean {
  if (target.kind !== "fence" || target.fence.runId !== state.runId) return false;
  const key = state.keys.get(runKeyId("activity", String(target.fence.seq)));
  return key?.contentHash === endHash(target.fence.epoch, by);
}

/** What is remembered of an activity's end, to tell a repeat of the call from another one. */
export function endHash(epoch: number, by: EndedBy): string {
  return `${by} ${epoch}`;
}

function findActivity(state: RunState, target: ActivityTarget): ActivityState | undefined {
  switch (target.kind) {
    case "fence":
      return state.activities.get(target.fence.seq);
    case "seq":
      return state.activities.get(target.seq);
    case "id":
      return [...state.activities.values()].find(({ activityId }) => activityId === target.activityId);
  }
}

function nameOf(target: ActivityTarget): string {
  switch (target.kind) {
    case "fence":
      return `with seq ${target.fence.seq}`;
    case "seq":
      return `with seq ${target.seq}`;
    case "id":
      return `"${target.activityId}"`;
  }
}

/** The run has no such activity. */
export function activityNotFound(what: string): RefusedError {
  const message = `the run has no pending ${what}; correct the id, or it has ended`;
  return new RefusedError(ErrorReason.ACTIVITY_NOT_FOUND, message);
}
