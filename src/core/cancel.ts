/** Asking a run to cancel. */
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { requestActivityCancel } from "./activity-cancel.js";
import { closeRun } from "./close-run.js";
import { type Draft, type EventKind, type EventMeta, isClosed, openDraft, removeTimer } from "./draft.js";
import { recordOutside } from "./outside.js";
import { workflowClosed } from "./refusals.js";
import { isRepeatedRequest, type RequestKey, rememberRequest } from "./request-key.js";
import type { RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import { isClosedStatus } from "./status.js";
import type { Caller, Context, RunTransition } from "./transition.js";

/** Who asks, and why. */
export interface CancelInput extends RequestKey {
  readonly reason: string;
  /** Whether pending timers and activities are cancelled as well, for workers that do not do so themselves. */
  readonly cancelPending: boolean;
  readonly caller: Caller;
}

/** Requests the cancellation of a run: workflow code decides what follows. A run that no worker has touched ends at once. */
export function cancelWorkflow(
  state: RunState,
  input: CancelInput,
  context: Context,
): RunTransition<{ readonly status: WorkflowStatus }> {
  if (isRepeatedRequest(state, "cancel", input)) return unchanged(state, { status: state.status });
  if (isClosedStatus(state.status)) throw workflowClosed(state);
  if (state.cancelRequestedEventId !== undefined) return unchanged(state, { status: state.status });
  const { reason, requestId, caller, cancelPending } = input;
  const draft = openDraft(state, context);
  const eventId = requestCancel(draft, { reason, requestId }, caller);
  rememberRequest(draft, "cancel", input, eventId);
  if (!isClosed(draft) && cancelPending) cancelAllPending(draft, eventId, caller);
  return settle(draft, { status: draft.run.status });
}

/**
 * Records that the cancellation of the run is requested, and answers the event's id (0: it is buffered). Nothing happens if it was before. A run that
 * no worker has touched ends at once.
 */
export function requestCancel(
  draft: Draft,
  value: Extract<EventKind, { case: "workflowCancelRequested" }>["value"],
  meta: EventMeta,
): number {
  if (draft.run.cancelRequestedEventId !== undefined) return draft.run.cancelRequestedEventId;
  const eventId = recordOutside(draft, { case: "workflowCancelRequested", value }, meta);
  draft.run.cancelRequestedEventId = eventId;
  if (draft.run.status === WorkflowStatus.PENDING)
    closeRun(draft, WorkflowStatus.CANCELLED, { case: "workflowCancelled", value: {} }, meta);
  return eventId;
}

function cancelAllPending(draft: Draft, causeEventId: number, meta: EventMeta): void {
  for (const { seq, scheduledEventId } of draft.run.timers.values()) {
    recordOutside(draft, { case: "timerCancelled", value: { seq, scheduledEventId, causeEventId } }, meta);
    removeTimer(draft, seq);
  }
  for (const activity of draft.run.activities.values()) {
    requestActivityCancel(draft, activity, { taskCompletedEventId: 0, causeEventId }, meta);
  }
}
