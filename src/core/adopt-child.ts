/** A run that a reset made takes over the children that the run which was left had not seen to their end. */
import { create } from "@bufbuild/protobuf";
import {
  type ChildWorkflowAdopted,
  ExternalFailureCause,
  type HistoryEvent,
} from "../../gen/pawl/v1/event_pb.js";
import { RunRefSchema } from "../../gen/pawl/v1/workflow_pb.js";
import { addEvent, type Draft, type EventKind, makeEvent, sendMessage } from "./draft.js";
import { addressOf, outcomeOf } from "./family.js";
import type { ChildState, RunAddress, RunState } from "./run-state.js";
import { isClosedStatus } from "./status.js";

/** How the chain of runs of a child has ended: its last run, and the event that closed it. "gone": there is no such run. */
export type ChildEnding = { readonly child: RunAddress; readonly closing: HistoryEvent["kind"] } | "gone";

/** Tells a child whose it is now; one that is over is asked how it ended. */
export function adoptChild(draft: Draft, child: ChildState): void {
  const { seq, initiatedEventId, startedEventId = 0, startedBy } = child;
  const { namespace, workflowId, runId } = child;
  const value = {
    ...{ seq, initiatedEventId, startedEventId },
    child: { namespace, workflowId, runId },
    startedByRunId: startedBy.runId,
    startedByEventId: startedBy.initiatedEventId,
  };
  sendMessage(draft, child, addEvent(draft, { case: "childWorkflowAdopted", value }, {}));
}

/** Whether a run is the child, or goes on for it, and is still open. */
export function isOpenChild(run: RunState | undefined, { child }: ChildWorkflowAdopted): run is RunState {
  return run !== undefined && run.settings.firstRunId === child?.runId && !isClosedStatus(run.status);
}

/** An open child has another owner. It tells that it has started, if that was not heard of. */
export function takeOwner(draft: Draft, ownerRunId: string, { startedEventId }: ChildWorkflowAdopted): void {
  const { settings } = draft.run;
  const { parent } = settings;
  if (parent === undefined) return;
  draft.run.settings = { ...settings, parent: { ...parent, ownerRunId } };
  if (startedEventId > 0) return;
  const { seq, initiatedEventId } = parent;
  const value = { seq, initiatedEventId, child: addressOf(draft) };
  sendMessage(draft, parent, makeEvent(0, draft.now, { case: "childWorkflowStarted", value }, {}));
}

/** What the owner of a child that is over is told, named as the run that started it knows the child. */
export function endingOf(adopted: ChildWorkflowAdopted, ending: ChildEnding): EventKind {
  const base = { seq: adopted.seq, initiatedEventId: adopted.startedByEventId };
  if (ending !== "gone") return outcomeOf({ ...base, child: ending.child }, ending.closing);
  const child = create(RunRefSchema, adopted.child);
  if (adopted.startedEventId > 0) return { case: "childWorkflowTerminated", value: { ...base, child } };
  const { workflowId } = child;
  const cause = ExternalFailureCause.WORKFLOW_NOT_FOUND;
  return { case: "childWorkflowStartFailed", value: { ...base, workflowId, cause } };
}
