/** The events that commands leave, by the rules of a server. */
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { UpdateInput } from "../../src/sdk/replay/turns.js";

/** What an event says, as it is made. */
export type EventInit = { readonly case: NonNullable<HistoryEvent["kind"]["case"]>; readonly value: object };

/** What is known besides the command. */
export interface EventParts {
  readonly taskCompletedEventId: number;
  readonly runId: string;
  /** The updates that the task had. */
  readonly updates: readonly UpdateInput[];
  /** Whether the activity, timer or child of a seq has ended. */
  isEnded(seq: number): boolean;
}

/** The event of a command; undefined if it leaves none. */
export function eventOf({ seq, kind }: Command, parts: EventParts): EventInit | undefined {
  const { taskCompletedEventId, runId, updates, isEnded } = parts;
  const by = { taskCompletedEventId };
  switch (kind.case) {
    case "scheduleActivity": {
      const activityId = kind.value.activityId || String(seq);
      return { case: "activityScheduled", value: { ...given(kind.value), ...by, seq, activityId } };
    }
    case "cancelActivity":
      if (isEnded(kind.value.activitySeq)) return undefined;
      return { case: "activityCancelRequested", value: { seq: kind.value.activitySeq, ...by } };
    case "scheduleTimer":
      return { case: "timerScheduled", value: { ...given(kind.value), ...by, seq } };
    case "cancelTimer":
      if (isEnded(kind.value.timerSeq)) return undefined;
      return { case: "timerCancelled", value: { seq: kind.value.timerSeq, ...by } };
    case "recordSideEffect":
      return { case: "sideEffectRecorded", value: { ...given(kind.value), ...by, seq } };
    case "recordVersion":
      return { case: "versionRecorded", value: { ...given(kind.value), ...by, seq } };
    case "recordLocalActivity":
      return { case: "localActivityRecorded", value: { ...given(kind.value), ...by, seq } };
    case "startChildWorkflow": {
      const spec = { ...kind.value.spec, workflowId: kind.value.spec?.workflowId || `${runId}/${seq}` };
      const value = { ...given(kind.value), ...by, seq, spec, runId: `child-of-${seq}` };
      return { case: "childWorkflowInitiated", value };
    }
    case "cancelChild": {
      if (isEnded(kind.value.childSeq)) return undefined;
      const { reason } = kind.value;
      return { case: "externalCancelInitiated", value: { seq, childOnly: true, reason, ...by } };
    }
    case "signalExternalWorkflow":
      return { case: "externalSignalInitiated", value: { ...given(kind.value), ...by, seq } };
    case "cancelExternalWorkflow":
      return { case: "externalCancelInitiated", value: { ...given(kind.value), ...by, seq } };
    case "upsertSearchAttributes":
      return { case: "searchAttributesUpserted", value: { ...given(kind.value), ...by, seq } };
    case "upsertMemo":
      return { case: "memoUpserted", value: { ...given(kind.value), ...by, seq } };
    case "acceptUpdate": {
      const update = updates.find(({ updateId }) => updateId === kind.value.updateId);
      return { case: "updateAccepted", value: { ...update, ...by } };
    }
    case "rejectUpdate":
      return undefined;
    case "completeUpdate":
      return { case: "updateCompleted", value: { ...given(kind.value), ...by } };
    case "completeWorkflow":
      return { case: "workflowCompleted", value: { ...given(kind.value), ...by } };
    case "failWorkflow":
      return { case: "workflowFailed", value: { ...given(kind.value), ...by } };
    case "cancelWorkflow":
      return { case: "workflowCancelled", value: by };
    case "continueAsNew":
      return { case: "workflowContinuedAsNew", value: { ...given(kind.value), ...by, newRunId: "next" } };
    default:
      throw new Error(`no event for the command ${kind.case}`);
  }
}

/** Whether an event ends what the command of a seq began. */
export function ends({ case: name, value }: EventInit, seq: number): boolean {
  const isFinal =
    /^(timer(Fired|Cancelled)|activity(Completed|Failed|TimedOut|Cancelled)|childWorkflow(StartFailed|Completed|Failed|Cancelled|TimedOut|Terminated))$/;
  return isFinal.test(name) && (value as { seq?: number }).seq === seq;
}

/** The fields of a message without what makes it one. */
function given(message: object): object {
  const { $typeName, $unknown, ...fields } = message as { $typeName?: string; $unknown?: unknown };
  return fields;
}
