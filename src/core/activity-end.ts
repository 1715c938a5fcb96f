/** The end of an activity, as history tells it. */
import { type ActivityTarget, type EndedBy, endHash, type RunningActivity } from "./activity-target.js";
import { type Draft, type EventKind, type EventMeta, putKey, removeActivity } from "./draft.js";
import { recordOutside } from "./outside.js";
import { timestampOf } from "./time.js";

/** Records the start of the attempt that ends the activity. Answers the event's id; 0 if it is buffered. */
export function recordStarted(draft: Draft, { lease, lastFailure, ...activity }: RunningActivity): number {
  const value = {
    scheduledEventId: activity.scheduledEventId,
    workerId: lease.workerId,
    requestId: lease.pollId,
    attempt: activity.attempt,
    startTime: timestampOf(lease.startedAt),
    ...(lastFailure === undefined ? {} : { lastFailure }),
  };
  const { identity, principal } = lease;
  return recordOutside(draft, { case: "activityStarted", value }, { identity, principal });
}

/** Ends an activity as its worker, or somebody in its place, says. By lease: the lease is remembered, so that a repeat is known. */
export function endByWorker(
  draft: Draft,
  { seq, epoch }: RunningActivity,
  { target, by }: { readonly target: ActivityTarget; readonly by: EndedBy },
  outcome: EventKind,
  caller: EventMeta,
): void {
  const eventId = recordOutside(draft, outcome, caller);
  removeActivity(draft, seq);
  if (target.kind === "fence")
    putKey(draft, { kind: "activity", key: String(seq), eventId, contentHash: endHash(epoch, by) });
}
