/** The attempts of an activity: ready, given out. */
import { type Draft, putActivity } from "./draft.js";
import type { ActivityState } from "./run-state.js";
import { addMs, latestTime } from "./time.js";
import type { Poller } from "./transition.js";

/** Gives a pending activity to a poller. */
export function leaseActivity(draft: Draft, activity: ActivityState, poller: Poller): void {
  const epoch = activity.epoch + 1;
  const expiresAt = Math.min(addMs(draft.now, activity.startToCloseMs), activity.expiresAt ?? latestTime);
  putActivity(draft, {
    ...activity,
    readyPosition: undefined,
    epoch,
    lease: {
      epoch,
      workerId: poller.workerId,
      identity: poller.identity,
      principal: poller.principal,
      pollId: poller.pollId,
      startedAt: draft.now,
      expiresAt,
    },
  });
  draft.handed.push({
    kind: "activity",
    pollId: poller.pollId,
    runId: draft.run.runId,
    seq: activity.seq,
    epoch,
  });
}

/** The next attempt becomes ready at its time; nobody has it until then. */
export function makeActivityReady(draft: Draft, activity: ActivityState): void {
  putActivity(draft, { ...activity, readyPosition: undefined, lease: undefined });
  draft.readyActivities.add(activity.seq);
}
