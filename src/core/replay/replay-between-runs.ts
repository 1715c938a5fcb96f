/** What history tells of children, and of requests to other runs. */
import type { ChildWorkflowInitiated, HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { RunRef } from "../../../gen/pawl/v1/workflow_pb.js";
import type { ChildState, ExternalRequestState } from "../run-state.js";
import type { Replay } from "./replay.js";

/** Goes through an event that may be of a child or of a request to another run. */
export function replayBetweenRuns(replay: Replay, { eventId, kind }: HistoryEvent): void {
  const { children, externalRequests } = replay;
  switch (kind.case) {
    case "childWorkflowInitiated":
      children.set(kind.value.seq, initiatedChild(replay, eventId, kind.value));
      return;
    case "childWorkflowStarted": {
      const child = children.get(kind.value.seq);
      if (child !== undefined) children.set(child.seq, { ...child, startedEventId: eventId });
      return;
    }
    case "childWorkflowStartFailed":
    case "childWorkflowCompleted":
    case "childWorkflowFailed":
    case "childWorkflowCancelled":
    case "childWorkflowTimedOut":
    case "childWorkflowTerminated":
      children.delete(kind.value.seq);
      return;
    case "externalSignalInitiated":
      externalRequests.set(kind.value.seq, request(replay, "signal", eventId, kind.value));
      return;
    case "externalCancelInitiated":
      externalRequests.set(kind.value.seq, request(replay, "cancel", eventId, kind.value));
      return;
    case "externalSignalDelivered":
    case "externalSignalFailed":
    case "externalCancelDelivered":
    case "externalCancelFailed":
      externalRequests.delete(kind.value.seq);
      return;
    default:
      return;
  }
}

function initiatedChild(
  { run, writerRunId, world }: Replay,
  initiatedEventId: number,
  initiated: ChildWorkflowInitiated,
): ChildState {
  const { seq, namespace, spec, runId, parentClosePolicy, startedByRunId, startedByEventId } = initiated;
  return {
    ...{ seq, namespace, runId, parentClosePolicy },
    // In a namespace that is gone the child is gone: it is looked for in vain.
    namespaceId: world.namespaceId(namespace) ?? run.namespaceId,
    workflowId: spec?.workflowId ?? "",
    workflowType: spec?.workflowType ?? "",
    initiatedEventId,
    startedEventId: undefined,
    startedBy: {
      runId: startedByRunId || writerRunId,
      initiatedEventId: startedByEventId || initiatedEventId,
    },
  };
}

function request(
  { run, writerRunId }: Replay,
  kind: ExternalRequestState["kind"],
  initiatedEventId: number,
  { seq, target }: { readonly seq: number; readonly target?: RunRef | undefined },
): ExternalRequestState {
  const { namespace = "", workflowId = "", runId = "" } = target ?? {};
  const sentBy = writerRunId === run.runId ? {} : { sentBy: writerRunId };
  return { seq, initiatedEventId, kind, target: { namespace, workflowId, runId }, ...sentBy };
}
