/** Which events come from outside of workflow code. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";

const outside: ReadonlySet<HistoryEvent["kind"]["case"]> = new Set([
  "signalReceived",
  "workflowCancelRequested",
  "activityStarted",
  "activityCompleted",
  "activityFailed",
  "activityTimedOut",
  "activityCancelRequested",
  "activityCancelled",
  "timerFired",
  "childWorkflowStartFailed",
  "childWorkflowStarted",
  "childWorkflowCompleted",
  "childWorkflowFailed",
  "childWorkflowCancelled",
  "childWorkflowTimedOut",
  "childWorkflowTerminated",
  "externalSignalDelivered",
  "externalSignalFailed",
  "externalCancelDelivered",
  "externalCancelFailed",
]);

/** Whether it came from outside. A timer is cancelled by a command or from outside. The start of a child that the run before has kept is told with its own. */
export function isOutsideEvent(kind: HistoryEvent["kind"]): boolean {
  if (kind.case === "timerCancelled") return kind.value.taskCompletedEventId === 0;
  return outside.has(kind.case);
}
