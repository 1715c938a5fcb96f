/** A run hears what came of its children, and of what it asked of other runs. */
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { type Draft, putChild, removeChild, removeExternalRequest, withFields } from "./draft.js";
import { recordOutside } from "./outside.js";
import type { ChildState } from "./run-state.js";

type Kind = HistoryEvent["kind"];

/** What a run hears of a child. */
export type ChildNews = Extract<
  Kind,
  {
    case:
      | "childWorkflowStarted"
      | "childWorkflowStartFailed"
      | "childWorkflowCompleted"
      | "childWorkflowFailed"
      | "childWorkflowCancelled"
      | "childWorkflowTimedOut"
      | "childWorkflowTerminated";
  }
>;

/** What a run hears of a request. */
export type Answer = Extract<
  Kind,
  {
    case:
      | "externalSignalDelivered"
      | "externalSignalFailed"
      | "externalCancelDelivered"
      | "externalCancelFailed";
  }
>;

/** The child that is told of, if it is so; else the request that is answered. */
export type News =
  | { readonly of: "child"; readonly kind: ChildNews }
  | { readonly of: "request"; readonly kind: Answer };

/** What an event tells of a child or of a request; undefined if it is another. */
export function newsOf(kind: Kind): News | undefined {
  switch (kind.case) {
    case "childWorkflowStarted":
    case "childWorkflowStartFailed":
    case "childWorkflowCompleted":
    case "childWorkflowFailed":
    case "childWorkflowCancelled":
    case "childWorkflowTimedOut":
    case "childWorkflowTerminated":
      return { of: "child", kind };
    case "externalSignalDelivered":
    case "externalSignalFailed":
    case "externalCancelDelivered":
    case "externalCancelFailed":
      return { of: "request", kind };
    default:
      return undefined;
  }
}

/** The run hears of a child that it waits for. */
export function hearOfChild(draft: Draft, child: ChildState, kind: ChildNews): void {
  const { seq, initiatedEventId } = child;
  switch (kind.case) {
    case "childWorkflowStarted":
      if (child.startedEventId === undefined) recordChildStarted(draft, child);
      return;
    case "childWorkflowStartFailed":
      removeChild(draft, seq);
      recordOutside(draft, withFields(kind, { initiatedEventId }));
      return;
    default: {
      // A reset may have to ask for an outcome before it has heard of the start.
      const startedEventId = child.startedEventId ?? recordChildStarted(draft, child);
      removeChild(draft, seq);
      recordOutside(draft, withFields(kind, { initiatedEventId, startedEventId }));
    }
  }
}

/** The run hears what came of a request that it waits for. */
export function hearAnswer(draft: Draft, kind: Answer): void {
  recordOutside(draft, kind);
  removeExternalRequest(draft, kind.value.seq);
}

function recordChildStarted(draft: Draft, child: ChildState): number {
  const { seq, initiatedEventId, namespace, workflowId, runId } = child;
  const value = { seq, initiatedEventId, child: { namespace, workflowId, runId } };
  const startedEventId = recordOutside(draft, { case: "childWorkflowStarted", value });
  putChild(draft, { ...child, startedEventId });
  return startedEventId;
}
