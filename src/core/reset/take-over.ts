/** What was pending at the point of a reset is the new run's now. */
import { ExternalFailureCause } from "../../../gen/pawl/v1/event_pb.js";
import { makeActivityReady } from "../activity-attempt.js";
import { adoptChild } from "../adopt-child.js";
import { type Draft, putExternalRequest, removeActivity, removeExternalRequest } from "../draft.js";
import { recordOutside } from "../outside.js";
import type { ActivityState, ExternalRequestState, RunState } from "../run-state.js";
import { latestTime } from "../time.js";
import type { ResetInput } from "./reset-workflow.js";

/** Takes over what has not ended since. `replaced` is the run that was open; timers need nothing, those that are due fire at once. */
export function takeOver(draft: Draft, { base }: ResetInput, replaced: RunState | undefined): void {
  for (const activity of draft.run.activities.values()) tryAnew(draft, activity);
  for (const child of draft.run.children.values()) adoptChild(draft, child);
  for (const request of draft.run.externalRequests.values())
    awaitAnswer(draft, { ...request, sentBy: request.sentBy ?? base.runId }, replaced);
}

/** The activity begins again with its first attempt and its full time; one that was asked to cancel, and that nobody runs any more, has ended. */
function tryAnew(draft: Draft, activity: ActivityState): void {
  const { seq, scheduledEventId, scheduledAt, cancelRequestedEventId } = activity;
  if (cancelRequestedEventId !== undefined) {
    const value = { scheduledEventId, seq, cancelRequestedEventId };
    recordOutside(draft, { case: "activityCancelled", value });
    removeActivity(draft, seq);
    return;
  }
  const ownEnd =
    activity.expiresAt === undefined ? latestTime : draft.now + (activity.expiresAt - scheduledAt);
  const end = Math.min(ownEnd, draft.run.settings.expiresAt ?? latestTime);
  makeActivityReady(draft, {
    ...activity,
    readyAt: draft.now,
    expiresAt: end === latestTime ? undefined : end,
  });
}

/** The answer comes if the run that was open still waited for it. Else it was told, or lost with the end of a run, where nobody can look it up. */
function awaitAnswer(
  draft: Draft,
  request: ExternalRequestState & { readonly sentBy: string },
  replaced: RunState | undefined,
): void {
  const { seq, initiatedEventId, kind, target, sentBy } = request;
  const known = replaced?.externalRequests.get(seq);
  const isAwaited =
    known?.initiatedEventId === initiatedEventId && (known.sentBy ?? replaced?.runId) === sentBy;
  if (isAwaited) {
    putExternalRequest(draft, request);
    return;
  }
  const failed = kind === "signal" ? "externalSignalFailed" : "externalCancelFailed";
  const cause = ExternalFailureCause.ANSWER_LOST;
  recordOutside(draft, { case: failed, value: { seq, initiatedEventId, target, cause } });
  removeExternalRequest(draft, seq);
}
