/** Which event of a run it can be reset to: the end of a workflow task, or the start of one that has ended. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { RefusedError } from "../errors.js";

/** What was found at the place that is asked for. */
export interface AskedPoint {
  readonly eventId: number;
  /** The event of that id, and the one behind it; undefined where there is none. */
  readonly event: HistoryEvent | undefined;
  readonly next: HistoryEvent | undefined;
  /** How many events the history has. */
  readonly historyLength: number;
}

/** The WorkflowTaskStarted of the task that is made again. Throws RESET_POINT_INVALID. */
export function findResetPoint({ eventId, event, next, historyLength }: AskedPoint): number {
  if (event === undefined) throw invalidPoint(eventId, `the run has only ${historyLength} events`);
  const { kind } = event;
  switch (kind.case) {
    case "workflowTaskCompleted":
    case "workflowTaskFailed":
    case "workflowTaskTimedOut":
      if (kind.value.startedEventId > 0) return kind.value.startedEventId;
      throw invalidPoint(eventId, "no worker had taken that workflow task");
    case "workflowTaskStarted":
      if (next !== undefined) return eventId;
      throw invalidPoint(eventId, "that workflow task has not ended");
    default:
      throw invalidPoint(eventId, `it is a ${nameOf(kind.case)}`);
  }
}

function invalidPoint(eventId: number, why: string): RefusedError {
  const message = `the run can't be reset to event ${eventId}: ${why}; choose a WorkflowTaskCompleted, WorkflowTaskFailed or WorkflowTaskTimedOut, or the WorkflowTaskStarted before one`;
  return new RefusedError(ErrorReason.RESET_POINT_INVALID, message, { event_id: String(eventId) });
}

/** The kind of an event as histories show it. */
function nameOf(kind: string | undefined): string {
  return kind === undefined
    ? "kind that this server does not know"
    : kind.replace(/^./, (letter) => letter.toUpperCase());
}
