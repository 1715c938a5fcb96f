/** The commands that signal other runs, or ask them to cancel. */
import type {
  CancelChildCommand,
  CancelExternalWorkflowCommand,
  SignalExternalWorkflowCommand,
} from "../../../gen/pawl/v1/command_pb.js";
import { ExternalFailureCause } from "../../../gen/pawl/v1/event_pb.js";
import type { RunRef } from "../../../gen/pawl/v1/workflow_pb.js";
import { addEvent, type Draft, type EventKind, putExternalRequest, sendMessage } from "../draft.js";
import { recordLater } from "../outside.js";
import { checkHeader, checkPayload } from "../payload.js";
import { invalidField } from "../refusals.js";
import type { ChildState, ExternalRequestState, MessageReceiver, RunAddress } from "../run-state.js";
import { checkName, checkRunId, checkText } from "../text.js";
import { type CommandScope, checkPendingLimit, namespaceIdOf, takeSeq } from "./scope.js";

/** Signals another run. */
export function signalExternalWorkflow(scope: CommandScope, command: SignalExternalWorkflowCommand): void {
  const { draft, field, completedEventId } = scope;
  const { name, payload, header, childOnly } = command;
  const seq = takeSeq(scope);
  checkPendingLimit(scope, "externalRequests");
  const target = readTarget(scope, command.target);
  checkName(name, `${field}.name`);
  checkPayload(payload, `${field}.payload`, draft.context.limits);
  checkHeader(header, `${field}.header`, draft.context.limits);
  const value = {
    seq,
    target,
    childOnly,
    name,
    taskCompletedEventId: completedEventId,
    ...(payload === undefined ? {} : { payload }),
    ...(header === undefined ? {} : { header }),
  };
  request(scope, { kind: "signal", seq, target }, { case: "externalSignalInitiated", value });
}

/** Asks another run to cancel. */
export function cancelExternalWorkflow(scope: CommandScope, command: CancelExternalWorkflowCommand): void {
  const seq = takeSeq(scope);
  checkPendingLimit(scope, "externalRequests");
  requestCancel(scope, seq, readTarget(scope, command.target), command.childOnly, command.reason);
}

/** Asks a child to cancel; nothing happens if it has ended. */
export function cancelChild(scope: CommandScope, { childSeq, reason }: CancelChildCommand): void {
  const { draft, field } = scope;
  if (childSeq < 1 || childSeq > draft.run.lastSeq)
    throw invalidField(`${field}.child_seq`, `${childSeq} is not the seq of a child of this run`);
  const seq = takeSeq(scope);
  checkPendingLimit(scope, "externalRequests");
  const child = draft.run.children.get(childSeq);
  if (child === undefined) return;
  const { namespace, workflowId, runId } = child;
  requestCancel(scope, seq, { namespace, workflowId, runId }, true, reason);
}

function requestCancel(
  scope: CommandScope,
  seq: number,
  target: RunAddress,
  childOnly: boolean,
  reason: string,
): void {
  const value = { seq, target, childOnly, reason, taskCompletedEventId: scope.completedEventId };
  request(scope, { kind: "cancel", seq, target }, { case: "externalCancelInitiated", value });
}

function readTarget({ draft, field }: CommandScope, target: RunRef | undefined): RunAddress {
  if (target === undefined) throw invalidField(`${field}.target`, "must be given");
  const { workflowId, runId } = target;
  const namespace = target.namespace || draft.run.settings.namespace;
  checkText(namespace, `${field}.target.namespace`);
  checkName(workflowId, `${field}.target.workflow_id`);
  if (runId !== "") checkRunId(runId, `${field}.target.run_id`);
  return { namespace, workflowId, runId };
}

/** Sends a request, to be answered by a message; at once if there is no such namespace. */
function request(
  scope: CommandScope,
  state: Omit<ExternalRequestState, "initiatedEventId">,
  kind: EventKind,
): void {
  const { draft, meta } = scope;
  const { seq, target } = state;
  const event = addEvent(draft, kind, meta);
  const initiatedEventId = event.eventId;
  const namespaceId = namespaceIdOf(scope, target.namespace);
  if (namespaceId === undefined) {
    const failed = state.kind === "signal" ? "externalSignalFailed" : "externalCancelFailed";
    const cause = ExternalFailureCause.NAMESPACE_NOT_FOUND;
    recordLater(draft, { case: failed, value: { seq, initiatedEventId, target, cause } });
    return;
  }
  putExternalRequest(draft, { ...state, initiatedEventId });
  const receiver = { namespaceId, workflowId: target.workflowId, runId: target.runId };
  sendMessage(draft, receiver, event, findChild(draft, receiver));
}

/** The open child that is meant, if it is one. */
function findChild(
  { run }: Draft,
  { namespaceId, workflowId, runId }: MessageReceiver,
): ChildState | undefined {
  for (const child of run.children.values()) {
    const isNamed = child.workflowId === workflowId && child.namespaceId === namespaceId;
    if (isNamed && (runId === "" || child.runId === runId)) return child;
  }
  return undefined;
}
