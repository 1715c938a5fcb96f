/** Commands and the events they leave, in one form in which they can be compared and shown. */
import { toJson } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type {
  CancelExternalWorkflowCommand,
  Command,
  CompleteUpdateCommand,
  ContinueAsNewCommand,
  SignalExternalWorkflowCommand,
} from "../../../gen/pawl/v1/command_pb.js";
import type { ExternalSignalInitiated, HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
import {
  type SearchAttributeValue,
  SearchAttributeValueSchema,
} from "../../../gen/pawl/v1/search_attribute_pb.js";
import type { RunRef, WorkflowSpec } from "../../../gen/pawl/v1/workflow_pb.js";

/** What a command asks for: two are the same if all of this is equal. */
export interface Step {
  readonly name: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** A command as a step. */
export function stepOfCommand({ seq, kind }: Command): Step {
  switch (kind.case) {
    case "scheduleActivity": {
      const { activityType, activityId, input } = kind.value;
      return scheduleActivity(seq, activityType, activityId || String(seq), input);
    }
    case "cancelActivity":
      return { name: "CancelActivity", fields: { activitySeq: kind.value.activitySeq } };
    case "scheduleTimer":
      return scheduleTimer(seq, kind.value.duration);
    case "cancelTimer":
      return { name: "CancelTimer", fields: { timerSeq: kind.value.timerSeq } };
    case "recordSideEffect":
      return { name: "RecordSideEffect", fields: { seq, name: kind.value.name } };
    case "recordLocalActivity":
      return { name: "RecordLocalStep", fields: { seq, name: kind.value.activityType } };
    case "recordVersion":
      return recordVersion(seq, kind.value);
    case "upsertSearchAttributes":
      return {
        name: "UpsertSearchAttributes",
        fields: { seq, ...showAttributes(kind.value.searchAttributes) },
      };
    case "upsertMemo":
      return { name: "UpsertMemo", fields: { seq, ...showMemo(kind.value.memo) } };
    case "continueAsNew":
      return continueAsNew(kind.value);
    case "startChildWorkflow":
      return startChild(seq, kind.value.spec);
    case "cancelChild":
      return { name: "CancelChild", fields: { seq, reason: kind.value.reason } };
    case "signalExternalWorkflow":
      return signalOther(seq, kind.value);
    case "cancelExternalWorkflow":
      return cancelOther(seq, kind.value);
    case "acceptUpdate":
      return { name: "AcceptUpdate", fields: { updateId: kind.value.updateId } };
    case "completeUpdate":
      return completeUpdate(kind.value);
    case "completeWorkflow":
      return { name: "CompleteWorkflow", fields: { result: showPayload(kind.value.result) } };
    case "failWorkflow":
      return { name: "FailWorkflow", fields: { message: kind.value.failure?.message ?? "" } };
    case "cancelWorkflow":
      return { name: "CancelWorkflow", fields: {} };
    default:
      return { name: kind.case ?? "nothing", fields: { seq } };
  }
}

/** The event of a command as a step. */
export function stepOfEvent({ kind }: HistoryEvent): Step {
  switch (kind.case) {
    case "activityScheduled": {
      const { seq, activityType, activityId, input } = kind.value;
      return scheduleActivity(seq, activityType, activityId, input);
    }
    case "activityCancelRequested":
      return { name: "CancelActivity", fields: { activitySeq: kind.value.seq } };
    case "timerScheduled":
      return scheduleTimer(kind.value.seq, kind.value.duration);
    case "timerCancelled":
      return { name: "CancelTimer", fields: { timerSeq: kind.value.seq } };
    case "sideEffectRecorded":
      return { name: "RecordSideEffect", fields: { seq: kind.value.seq, name: kind.value.name } };
    case "localActivityRecorded":
      return { name: "RecordLocalStep", fields: { seq: kind.value.seq, name: kind.value.activityType } };
    case "versionRecorded":
      return recordVersion(kind.value.seq, kind.value);
    case "searchAttributesUpserted": {
      const { seq, searchAttributes } = kind.value;
      return { name: "UpsertSearchAttributes", fields: { seq, ...showAttributes(searchAttributes) } };
    }
    case "memoUpserted":
      return { name: "UpsertMemo", fields: { seq: kind.value.seq, ...showMemo(kind.value.memo) } };
    case "workflowContinuedAsNew":
      return continueAsNew(kind.value);
    case "childWorkflowInitiated":
      return startChild(kind.value.seq, kind.value.spec);
    case "externalSignalInitiated":
      return signalOther(kind.value.seq, kind.value);
    case "externalCancelInitiated": {
      const { seq, childOnly, reason } = kind.value;
      return childOnly ? { name: "CancelChild", fields: { seq, reason } } : cancelOther(seq, kind.value);
    }
    case "updateAccepted":
      return { name: "AcceptUpdate", fields: { updateId: kind.value.updateId } };
    case "updateCompleted":
      return completeUpdate(kind.value);
    case "workflowCompleted":
      return { name: "CompleteWorkflow", fields: { result: showPayload(kind.value.result) } };
    case "workflowFailed":
      return { name: "FailWorkflow", fields: { message: kind.value.failure?.message ?? "" } };
    case "workflowCancelled":
      return { name: "CancelWorkflow", fields: {} };
    default: {
      const seq = kind.value !== undefined && "seq" in kind.value ? kind.value.seq : 0;
      return { name: kind.case ?? "an event of an unknown kind", fields: { seq } };
    }
  }
}

/** Whether two steps are the same, name and all. */
export function isSameStep(a: Step, b: Step): boolean {
  return a.name === b.name && differingFields(a, b).length === 0;
}

/** The names of the fields that are not the same. */
export function differingFields(a: Step, b: Step): string[] {
  const names = new Set([...Object.keys(a.fields), ...Object.keys(b.fields)]);
  return [...names].filter((name) => a.fields[name] !== b.fields[name]);
}

/** A step for people, such as `ScheduleTimer(seq 3, durationMs 5000)`. */
export function showStep({ name, fields }: Step): string {
  const shown = Object.entries(fields).map(([field, value]) => `${field} ${cut(String(value))}`);
  return shown.length === 0 ? name : `${name}(${shown.join(", ")})`;
}

function scheduleActivity(seq: number, type: string, id: string, input: Payload | undefined): Step {
  return { name: "ScheduleActivity", fields: { seq, type, id, input: showPayload(input) } };
}

function scheduleTimer(seq: number, duration: Parameters<typeof durationMs>[0] | undefined): Step {
  return { name: "ScheduleTimer", fields: { seq, durationMs: duration ? durationMs(duration) : 0 } };
}

function recordVersion(seq: number, value: { readonly changeId: string; readonly version: number }): Step {
  return { name: "RecordVersion", fields: { seq, changeId: value.changeId, version: value.version } };
}

function continueAsNew({
  workflowType,
  input,
  keepChildren,
}: Pick<ContinueAsNewCommand, "workflowType" | "input" | "keepChildren">): Step {
  const fields = { type: workflowType, input: showPayload(input), ...(keepChildren && { children: "kept" }) };
  return { name: "ContinueAsNew", fields };
}

function showAttributes(attributes: Readonly<Record<string, SearchAttributeValue>>) {
  return showEach(attributes, (value) => JSON.stringify(toJson(SearchAttributeValueSchema, value)));
}

function showMemo(memo: Readonly<Record<string, Payload>>) {
  return showEach(memo, showPayload);
}

function showEach<T>(
  values: Readonly<Record<string, T>>,
  show: (value: T) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`"${name}"`, show(value)]));
}

/** The server makes an id of the run's id and the seq where the command has none. */
function startChild(seq: number, spec: WorkflowSpec | undefined): Step {
  const { workflowType = "", workflowId = "", input } = spec ?? {};
  const isMade = workflowId === "" || workflowId.endsWith(`/${seq}`);
  const id = isMade ? `…/${seq}` : workflowId;
  return { name: "StartChildWorkflow", fields: { seq, type: workflowType, id, input: showPayload(input) } };
}

function signalOther(seq: number, value: SignalExternalWorkflowCommand | ExternalSignalInitiated): Step {
  const { target, name, payload, childOnly } = value;
  const fields = { seq, ...targetOf(target), name, payload: showPayload(payload) };
  return { name: childOnly ? "SignalChild" : "SignalExternalWorkflow", fields };
}

function cancelOther(
  seq: number,
  { target, reason }: Pick<CancelExternalWorkflowCommand, "target" | "reason">,
): Step {
  return { name: "CancelExternalWorkflow", fields: { seq, ...targetOf(target), reason } };
}

function targetOf(target: RunRef | undefined) {
  return { workflowId: target?.workflowId ?? "", runId: target?.runId ?? "" };
}

function completeUpdate({ updateId, outcome }: Pick<CompleteUpdateCommand, "updateId" | "outcome">): Step {
  const isFailed = outcome.case === "failure";
  const fields = isFailed ? { failure: outcome.value.message } : { result: showPayload(outcome.value) };
  return { name: "CompleteUpdate", fields: { updateId, ...fields } };
}

function showPayload(payload: Payload | undefined): string {
  switch (payload?.body.case) {
    case "json":
      return payload.body.value;
    case "data":
      return `base64:${Buffer.from(payload.body.value).toString("base64")}`;
    default:
      return "none";
  }
}

function cut(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
