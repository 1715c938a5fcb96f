/** What core reads in a history is the state that its transitions have made. */
import { isDeepStrictEqual } from "node:util";
import type { Replay } from "../../../src/core/replay/replay.js";
import type { ActivityState, RunState } from "../../../src/core/run-state.js";
import { isClosedStatus } from "../../../src/core/status.js";
import { rule } from "../rule.js";

/** Compares all that history tells of an open run. What is buffered it does not tell yet. */
export function checkReplay(state: RunState, { run }: Replay): void {
  if (isClosedStatus(state.status) || state.buffered.length > 0) return;
  // A command that made no event has used a seq.
  rule(run.lastSeq <= state.lastSeq, "replayed seq");
  const [told, known] = [projectionOf(run), projectionOf(state)];
  for (const name of Object.keys(known) as (keyof typeof known)[])
    rule(isDeepStrictEqual(told[name], known[name]), `replayed ${name}`);
}

function projectionOf(run: Replay["run"]) {
  const isReset = run.settings.resetFromRunId !== undefined;
  const accepted = [...run.updates.values()].filter(({ acceptedEventId }) => acceptedEventId !== undefined);
  return {
    nextEventId: run.nextEventId,
    historyBytes: run.historyBytes,
    lastEventAt: run.lastEventAt,
    status: run.status,
    cancelRequestedEventId: run.cancelRequestedEventId,
    lastOutsideEventId: run.lastOutsideEventId,
    previousStartedEventId: run.previousStartedEventId,
    attributes: run.attributes,
    activities: [...run.activities.values()].map((activity) => projectActivity(activity, isReset)),
    timers: [...run.timers.values()],
    children: [...run.children.values()].map((child) => ({ ...child })),
    externalRequests: [...run.externalRequests.values()],
    updates: new Map(
      accepted.map(({ updateId, acceptedEventId, contentHash }) => [
        updateId,
        { acceptedEventId, contentHash },
      ]),
    ),
  };
}

/** Without its attempts. A reset gives an activity its full time anew. */
function projectActivity(activity: ActivityState, isReset: boolean) {
  const { seq, activityId, activityType, taskQueue, priority, scheduledEventId, scheduledAt } = activity;
  const { startToCloseMs, scheduleToStartMs, heartbeatMs, retry, cancelRequestedEventId } = activity;
  const expiresAt = activity.expiresAt && Math.max(activity.expiresAt, scheduledAt);
  return {
    ...{ seq, activityId, activityType, taskQueue, priority, scheduledEventId, scheduledAt },
    ...{ startToCloseMs, scheduleToStartMs, heartbeatMs, retry, cancelRequestedEventId },
    expiresAt: isReset ? undefined : expiresAt,
  };
}
