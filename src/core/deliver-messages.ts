/** Messages from other runs take their effect: each once, in the order in which its sender sent them. */
import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { ExternalFailureCause, type HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import {
  OpenIdPolicy,
  RunRefSchema,
  type WorkflowSpec,
  WorkflowSpecSchema,
} from "../../gen/pawl/v1/workflow_pb.js";
import { requestCancel } from "./cancel.js";
import { terminateRun } from "./close-run.js";
import {
  type Draft,
  type EventKind,
  type EventMeta,
  makeEvent,
  openDraft,
  putChild,
  removeChild,
  removeExternalRequest,
  sendMessage,
  withFields,
} from "./draft.js";
import { RefusedError } from "./errors.js";
import { recordOutside } from "./outside.js";
import type { ChildState, Message, Micros, Pointer, RunAddress, RunState, Workflow } from "./run-state.js";
import { settle } from "./settle.js";
import { startBy } from "./start.js";
import { isClosedStatus } from "./status.js";
import type { Context, HandedTask, RunStep, WorkflowTransition } from "./transition.js";

/** Delivers messages to the current run of a workflow id, or starts runs of it. `messages` are in order, for each sender. */
export function deliverMessages(
  workflow: Workflow,
  messages: readonly Message[],
  context: Context,
): WorkflowTransition<void> {
  const delivery = new Delivery(workflow, context);
  for (const message of messages) {
    if (message.event.kind.case === "childWorkflowInitiated")
      delivery.start(message, message.event.kind.value);
    else delivery.receive(message);
  }
  return delivery.finish(messages);
}

type Initiated = Extract<HistoryEvent["kind"], { case: "childWorkflowInitiated" }>["value"];

/** Messages in the course of being delivered. Those for the same run share a draft. */
class Delivery {
  private readonly steps = new Map<string, RunStep>();
  private readonly handed: HandedTask[] = [];
  private readonly sent: Message[] = [];
  private pointer: Pointer | undefined;
  private current: RunState | undefined;
  private draft: Draft | undefined;

  constructor(
    private readonly workflow: Workflow,
    private readonly context: Context,
  ) {
    this.current = workflow.run;
  }

  /** A parent starts a child. */
  start(message: Message, { runId, namespace, seq, ...initiated }: Initiated): void {
    this.settle();
    const { sender, event } = message;
    const initiatedEventId = event.eventId;
    const { workflowId } = this.workflow;
    const spec = create(WorkflowSpecSchema, initiated.spec);
    const { root = senderOf(message), ...place } = sender;
    const parent = { ...place, seq, initiatedEventId, root };
    const child = { namespace, workflowId, runId };
    const tellStarted = (draft: Draft) => {
      const value = { seq, initiatedEventId, child };
      sendMessage(draft, parent, makeEvent(0, draft.now, { case: "childWorkflowStarted", value }, {}));
    };
    try {
      const { identity, principal } = event;
      const { runs, pointer, handed, messages } = startBy(
        { ...this.workflow, run: this.current },
        {
          what: {
            namespace,
            workflowId,
            runId,
            spec: newOnly(spec),
            chain: { parent },
          },
          beginning: {
            meta: { identity, principal, userMetadata: spec.userMetadata, links: spec.links },
            first: tellStarted,
          },
          request: { requestId: "", requestHash: "", caller: { identity, principal } },
        },
        this.context,
      );
      for (const step of runs) this.note(step);
      this.pointer = pointer;
      this.handed.push(...handed);
      this.sent.push(...messages);
    } catch (error) {
      const cause = causeOf(error);
      const value = { seq, initiatedEventId, workflowId, cause };
      this.answer(message, { case: "childWorkflowStartFailed", value });
    }
  }

  /** A run hears of another. */
  receive(message: Message): void {
    const draft = this.openFor(message);
    const { kind } = message.event;
    switch (kind.case) {
      case "externalSignalInitiated": {
        const { seq, name, payload, header, childOnly } = kind.value;
        const answer = {
          seq,
          initiatedEventId: message.event.eventId,
          target: create(RunRefSchema, kind.value.target),
        };
        if (draft === undefined || (childOnly && !isChildOf(draft.run, message))) {
          const cause = ExternalFailureCause.WORKFLOW_NOT_FOUND;
          this.answer(message, { case: "externalSignalFailed", value: { ...answer, cause } });
          return;
        }
        const value = {
          name,
          externalRun: senderOf(message),
          ...(payload === undefined ? {} : { payload }),
          ...(header === undefined ? {} : { header }),
        };
        recordOutside(draft, { case: "signalReceived", value }, whoOf(message));
        this.answer(message, { case: "externalSignalDelivered", value: answer });
        return;
      }
      case "externalCancelInitiated": {
        const { seq, reason, childOnly } = kind.value;
        const answer = {
          seq,
          initiatedEventId: message.event.eventId,
          target: create(RunRefSchema, kind.value.target),
        };
        if (draft === undefined || (childOnly && !isChildOf(draft.run, message))) {
          const cause = ExternalFailureCause.WORKFLOW_NOT_FOUND;
          this.answer(message, { case: "externalCancelFailed", value: { ...answer, cause } });
          return;
        }
        const externalInitiatedEventId = message.event.eventId;
        const value = { reason, externalRun: senderOf(message), externalInitiatedEventId };
        requestCancel(draft, value, whoOf(message));
        this.answer(message, { case: "externalCancelDelivered", value: answer });
        return;
      }
      case "workflowCancelRequested":
        if (draft !== undefined) requestCancel(draft, kind.value, {});
        return;
      case "workflowTerminated":
        if (draft !== undefined) terminateRun(draft, kind.value);
        return;
      default:
        if (draft !== undefined) hear(draft, kind);
    }
  }

  finish(messages: readonly Message[]): WorkflowTransition<void> {
    this.settle();
    const { handed, sent, pointer, steps } = this;
    return {
      runs: [...steps.values()],
      pointer,
      handed,
      messages: sent,
      delivered: messages,
      outcome: undefined,
    };
  }

  /** The draft of the run that a message is for. Undefined: there is none that is open. */
  private openFor(message: Message): Draft | undefined {
    const run = this.draft?.run ?? this.current;
    if (run === undefined || isClosedStatus(run.status)) return undefined;
    if (!isMeant(run, message)) return undefined;
    this.draft ??= openDraft(run, this.context);
    return this.draft;
  }

  /** Answers a message whether or not there is a run that could. */
  private answer(message: Message, kind: EventKind): void {
    const { namespaceId, workflowId } = this.workflow;
    const { runId, namespace } = message.sender;
    const at: Micros = this.draft?.now ?? this.context.now;
    this.sent.push({
      sender: { namespaceId, namespace, workflowId, runId },
      number: -message.number,
      receiver: message.sender,
      sentAt: at,
      event: makeEvent(0, at, kind, {}),
    });
  }

  private settle(): void {
    const { draft } = this;
    if (draft === undefined) return;
    this.draft = undefined;
    const { after, events, handed, messages } = settle(draft, undefined);
    this.handed.push(...handed);
    this.sent.push(...messages);
    if (after !== draft.before) this.note({ before: draft.before, after, events });
  }

  private note(step: RunStep): void {
    const { runId } = step.after;
    const earlier = this.steps.get(runId);
    const joined =
      earlier === undefined
        ? step
        : { before: earlier.before, after: step.after, events: [...earlier.events, ...step.events] };
    this.steps.set(runId, joined);
    this.current = step.after;
  }
}

/** A parent hears of its child, or a sender of what came of its request. What it does not wait for any more is nothing to it. */
function hear(draft: Draft, kind: HistoryEvent["kind"]): void {
  switch (kind.case) {
    case "childWorkflowStarted": {
      const child = childOf(draft, kind.value);
      if (child === undefined || child.startedEventId !== undefined) return;
      const { initiatedEventId } = child;
      const startedEventId = recordOutside(draft, withFields(kind, { initiatedEventId }));
      putChild(draft, { ...child, startedEventId });
      return;
    }
    case "childWorkflowStartFailed": {
      const child = childOf(draft, kind.value);
      if (child === undefined) return;
      removeChild(draft, child.seq);
      recordOutside(draft, withFields(kind, { initiatedEventId: child.initiatedEventId }));
      return;
    }
    case "childWorkflowCompleted":
    case "childWorkflowFailed":
    case "childWorkflowCancelled":
    case "childWorkflowTimedOut":
    case "childWorkflowTerminated": {
      const child = childOf(draft, kind.value);
      if (child === undefined) return;
      removeChild(draft, child.seq);
      const { initiatedEventId, startedEventId = 0 } = child;
      recordOutside(draft, withFields(kind, { initiatedEventId, startedEventId }));
      return;
    }
    case "externalSignalDelivered":
    case "externalSignalFailed":
    case "externalCancelDelivered":
    case "externalCancelFailed": {
      const { seq, initiatedEventId } = kind.value;
      if (draft.run.externalRequests.get(seq)?.initiatedEventId !== initiatedEventId) return;
      recordOutside(draft, kind);
      removeExternalRequest(draft, seq);
      return;
    }
    default:
      throw new Error(`a message can't be ${kind.case}`);
  }
}

interface OfChild {
  readonly seq: number;
  readonly initiatedEventId: number;
}

function childOf({ run }: Draft, { seq, initiatedEventId }: OfChild): ChildState | undefined {
  const child = run.children.get(seq);
  return child?.startedBy.initiatedEventId === initiatedEventId ? child : undefined;
}

function isChildOf({ settings }: RunState, { sender }: Message): boolean {
  return settings.parent?.runId === sender.runId;
}

/** Whether a message for some run of the workflow id is for this one, which may go on for the run that it names. */
function isMeant(run: RunState, message: Message): boolean {
  const { runId } = message.receiver;
  if (runId === "" || runId === run.runId) return true;
  // A parent knows a child by the id of its first run; a child knows its parent by the run that started it.
  if (run.settings.firstRunId === runId && isChildOf(run, message)) return true;
  return [...run.children.values()].some(({ startedBy }) => startedBy.runId === runId);
}

/** Why a child could not start. */
function causeOf(error: unknown): ExternalFailureCause {
  const reason = error instanceof RefusedError ? error.reason : undefined;
  switch (reason) {
    case ErrorReason.WORKFLOW_EXISTS:
      return ExternalFailureCause.WORKFLOW_EXISTS;
    case ErrorReason.SIZE_LIMIT:
      return ExternalFailureCause.LIMIT_EXCEEDED;
    default:
      throw error;
  }
}

/** Those of a start by its parent: what is open is never joined. */
function newOnly(spec: WorkflowSpec): WorkflowSpec {
  if (spec.openIdPolicy !== OpenIdPolicy.USE_EXISTING) return spec;
  return create(WorkflowSpecSchema, { ...spec, openIdPolicy: OpenIdPolicy.FAIL });
}

function senderOf({ sender: { namespace, workflowId, runId } }: Message): RunAddress {
  return { namespace, workflowId, runId };
}

function whoOf({ event: { identity, principal } }: Message): EventMeta {
  return { identity, principal };
}
