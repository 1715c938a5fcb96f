/** What the end of a run means to its parent, to the schedule that started it, and to its children. */
import { create } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { ParentClosePolicy } from "../../gen/pawl/v1/workflow_pb.js";
import { type Draft, type EventKind, makeEvent, sendMessage } from "./draft.js";
import type { ChildState, RunAddress } from "./run-state.js";

/** Tells the parent how the run ended; by the event that the parent will record. */
export function tellParent(draft: Draft, closing: HistoryEvent["kind"]): void {
  const { parent } = draft.run.settings;
  if (parent === undefined) return;
  const { seq, initiatedEventId } = parent;
  const outcome = outcomeOf({ seq, initiatedEventId, child: addressOf(draft) }, closing);
  sendMessage(draft, parent, makeEvent(0, draft.now, outcome, {}));
}

/** Tells the schedule that started the run how it ended; by the event that closes it. */
export function tellSchedule(draft: Draft, closing: HistoryEvent): void {
  const { namespaceId, settings } = draft.run;
  if (settings.schedule === undefined) return;
  const { scheduleId } = settings.schedule;
  sendMessage(draft, { namespaceId, workflowId: scheduleId, isSchedule: true, runId: "" }, closing);
}

/** Does to each child that has not ended what its start said. */
export function closeChildren(draft: Draft): void {
  for (const child of draft.run.children.values()) {
    const kind = policyKind(draft, child);
    if (kind !== undefined) sendMessage(draft, child, makeEvent(0, draft.now, kind, {}), child);
  }
}

function policyKind(draft: Draft, child: ChildState): EventKind | undefined {
  const reason = "its parent has closed";
  switch (child.parentClosePolicy) {
    case ParentClosePolicy.ABANDON:
      return undefined;
    case ParentClosePolicy.REQUEST_CANCEL: {
      const externalRun = addressOf(draft);
      return { case: "workflowCancelRequested", value: { reason, externalRun } };
    }
    default:
      return { case: "workflowTerminated", value: { reason } };
  }
}

/** Which child of its parent a run is, and where the last run of its chain is. */
export interface EndedChild {
  readonly seq: number;
  readonly initiatedEventId: number;
  readonly child: RunAddress;
}

/** How a child has ended, as its parent records it. */
export function outcomeOf(base: EndedChild, closing: HistoryEvent["kind"]): EventKind {
  switch (closing.case) {
    case "workflowCompleted": {
      const { result } = closing.value;
      return {
        case: "childWorkflowCompleted",
        value: { ...base, ...(result === undefined ? {} : { result }) },
      };
    }
    case "workflowFailed": {
      const { failure, retryState } = closing.value;
      const value = { ...base, retryState, failure: create(FailureSchema, failure) };
      return { case: "childWorkflowFailed", value };
    }
    case "workflowTimedOut":
      return { case: "childWorkflowTimedOut", value: { ...base, retryState: closing.value.retryState } };
    case "workflowCancelled": {
      const { details } = closing.value;
      return {
        case: "childWorkflowCancelled",
        value: { ...base, ...(details === undefined ? {} : { details }) },
      };
    }
    default:
      return { case: "childWorkflowTerminated", value: base };
  }
}

/** Where the run is. */
export function addressOf({ run }: Draft): RunAddress {
  return { namespace: run.settings.namespace, workflowId: run.workflowId, runId: run.runId };
}
