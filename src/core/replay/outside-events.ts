/** Which events come from outside of workflow code. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { Replay } from "./replay.js";

const outside: ReadonlySet<HistoryEvent["kind"]["case"]> = new Set([
  "signalReceived",
  "workflowCancelRequested",
  "activityStarted",
  "activityCompleted",
  "activityFailed",
  "activityTimedOut",
  "activityCancelled",
  "timerFired",
  "childWorkflowStartFailed",
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

/** Whether an event, which is about to be gone through, came from outside. */
export function isOutsideEvent({ children, writerRunId }: Replay, { eventId, kind }: HistoryEvent): boolean {
  switch (kind.case) {
    case "activityCancelRequested":
    case "timerCancelled":
      return kind.value.taskCompletedEventId === 0;
    case "childWorkflowStarted": {
      // That of a child which the run before has kept is repeated right behind its beginning.
      const child = children.get(kind.value.seq);
      return child?.startedBy.runId === writerRunId || child?.initiatedEventId !== eventId - 1;
    }
    default:
      return outside.has(kind.case);
  }
}
