/** The end of a run. */
import { WorkflowStatus, WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { addEvent, appendEvent, clearPending, type Draft, type EventKind, type EventMeta } from "./draft.js";
import { closeChildren, tellParent, tellSchedule } from "./family.js";
import { flushBuffered } from "./outside.js";
import { forgetSticky, isTransient, startedTask } from "./task-attempt.js";
import { endUpdates } from "./update-end.js";

/**
 * Closes the run. What is pending ends with it; the closing event comes last. Its children hear of it; its parent and its schedule do, unless another run
 * goes on in its place: the next of its chain, or one that a reset makes.
 */
export function closeRun(draft: Draft, status: WorkflowStatus, kind: EventKind, meta: EventMeta = {}): void {
  failStartedTask(draft);
  const closing = addEvent(draft, kind, meta);
  endUpdates(draft, closing.eventId);
  closeChildren(draft);
  const isReset = kind.case === "workflowTerminated" && kind.value.isReset === true;
  if (draft.next === undefined && !isReset) {
    tellParent(draft, closing.kind);
    tellSchedule(draft, closing);
  }
  draft.run.status = status;
  draft.run.closedAt = draft.now;
  clearPending(draft);
  forgetSticky(draft);
  draft.readyActivities.clear();
  draft.handed.length = 0;
  draft.hasNews = false;
}

/** Terminates the run. */
export function terminateRun(
  draft: Draft,
  value: Extract<EventKind, { case: "workflowTerminated" }>["value"],
  meta: EventMeta = {},
): void {
  closeRun(draft, WorkflowStatus.TERMINATED, { case: "workflowTerminated", value }, meta);
}

function failStartedTask(draft: Draft): void {
  const task = startedTask(draft.run);
  if (task === undefined) return;
  if (!isTransient(task)) {
    const { scheduledEventId, lease } = task;
    const cause = WorkflowTaskFailureCause.RUN_CLOSED;
    const value = { scheduledEventId, startedEventId: lease.startedEventId, cause, workerId: lease.workerId };
    appendEvent(draft, { case: "workflowTaskFailed", value });
  }
  draft.run.workflowTask = undefined;
  flushBuffered(draft);
}
