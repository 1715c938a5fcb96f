/** History as turns: what workflow code saw at once, and what it did then. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { HistoryEvent, WorkflowTaskStarted } from "../../../gen/pawl/v1/event_pb.js";
import type { UpdateRequest } from "../../../gen/pawl/v1/task_pb.js";

/** One workflow task that took effect, or, as the last turn, the one in hand. */
export interface Turn {
  /** Its WorkflowTaskStarted. */
  readonly startedEventId: number;
  /** The workflow's clock. */
  readonly time: Timestamp | undefined;
  readonly historyLength: number;
  readonly isContinueAsNewSuggested: boolean;
  /** What had come in since the turn before, in order. */
  readonly arrived: readonly HistoryEvent[];
  /** The events of the commands that were made. Undefined: the turn is in hand, nothing is recorded yet. */
  readonly recorded: readonly HistoryEvent[] | undefined;
  /** The updates that the code was asked for, in order: of a recorded turn those that it accepted. */
  readonly updates: readonly UpdateInput[];
  /** The seqs of what had ended by itself before a cancellation could: such a cancel command left no event. */
  readonly endedSeqs: ReadonlySet<number>;
}

/** A request that a turn has. */
export type UpdateInput = Pick<UpdateRequest, "updateId" | "name" | "input">;

interface TurnDraft {
  readonly started: HistoryEvent;
  readonly arrived: HistoryEvent[];
  recorded: HistoryEvent[] | undefined;
  readonly endedSeqs: Set<number>;
}

/** A history that is not of the form that servers write, so that nothing can be replayed. */
export class MalformedHistoryError extends Error {
  override readonly name = "MalformedHistoryError";
}

/**
 * Splits events into turns. Attempts that failed or timed out are no turns: what they saw is seen again by the next.
 *
 * `position` is the WorkflowTaskStarted of the newest turn that was run already, 0 if none was; the events begin behind it. The commands of that turn
 * are among them and are passed over. The updates are those of the task in hand.
 */
export function splitTurns(
  events: readonly HistoryEvent[],
  position: number,
  updates: readonly UpdateInput[] = [],
): Turn[] {
  const drafts: TurnDraft[] = [];
  let arrived: HistoryEvent[] = [];
  let started: HistoryEvent | undefined;
  let completed: { readonly eventId: number; readonly draft: TurnDraft | undefined } | undefined;
  let isFlushing = false;

  for (const event of events) {
    switch (event.kind.case) {
      case "workflowTaskScheduled":
        isFlushing = false;
        break;
      case "workflowTaskStarted":
        started = event;
        break;
      case "workflowTaskFailed":
      case "workflowTaskTimedOut":
        started = undefined;
        break;
      case "workflowTaskCompleted": {
        const draft = started && {
          started,
          arrived,
          recorded: [],
          endedSeqs: new Set(arrived.flatMap(endedSeq)),
        };
        if (draft === undefined && event.kind.value.startedEventId !== position) {
          throw new MalformedHistoryError(
            `event ${event.eventId} completes a workflow task that never started`,
          );
        }
        if (draft !== undefined) {
          drafts.push(draft);
          arrived = [];
        }
        completed = { eventId: event.eventId, draft };
        started = undefined;
        isFlushing = true;
        break;
      }
      default: {
        const taskId = taskCompletedEventId(event);
        if (taskId === 0) {
          if (isHeard(event)) arrived.push(event);
          if (isFlushing) for (const seq of endedSeq(event)) completed?.draft?.endedSeqs.add(seq);
        } else if (taskId === completed?.eventId) {
          completed.draft?.recorded?.push(event);
        } else {
          throw new MalformedHistoryError(
            `event ${event.eventId} belongs to the workflow task of event ${taskId}, which is not there`,
          );
        }
      }
    }
  }
  if (started !== undefined) {
    drafts.push({ started, arrived, recorded: undefined, endedSeqs: new Set(arrived.flatMap(endedSeq)) });
  }
  return drafts.map((draft) => finishTurn(draft, updates));
}

function finishTurn(draft: TurnDraft, updates: readonly UpdateInput[]): Turn {
  const started = draft.started.kind.value as WorkflowTaskStarted;
  return {
    startedEventId: draft.started.eventId,
    time: draft.started.eventTime,
    historyLength: started.historyLength,
    isContinueAsNewSuggested: started.suggestContinueAsNew,
    arrived: draft.arrived,
    recorded: draft.recorded,
    updates: draft.recorded?.flatMap(acceptedUpdate) ?? updates,
    endedSeqs: draft.endedSeqs,
  };
}

function acceptedUpdate({ kind }: HistoryEvent): UpdateInput[] {
  return kind.case === "updateAccepted" ? [kind.value] : [];
}

/** Whether workflow code can notice that the event happened. */
function isHeard({ kind }: HistoryEvent): boolean {
  return kind.case !== "activityStarted";
}

/** The WorkflowTaskCompleted whose command made the event; 0 if none did. */
function taskCompletedEventId(event: HistoryEvent): number {
  const { value } = event.kind;
  return value !== undefined && "taskCompletedEventId" in value ? value.taskCompletedEventId : 0;
}

function endedSeq({ kind }: HistoryEvent): number[] {
  switch (kind.case) {
    case "activityCompleted":
    case "activityFailed":
    case "activityTimedOut":
    case "activityCancelled":
    case "activityCancelRequested":
    case "timerFired":
    case "timerCancelled":
    case "childWorkflowStartFailed":
    case "childWorkflowCompleted":
    case "childWorkflowFailed":
    case "childWorkflowCancelled":
    case "childWorkflowTimedOut":
    case "childWorkflowTerminated":
      return [kind.value.seq];
    default:
      return [];
  }
}
