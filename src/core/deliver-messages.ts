/** Messages from other runs take their effect: each once, in the order in which its sender sent them. */
import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import {
  type ChildWorkflowAdopted,
  ExternalFailureCause,
  type HistoryEvent,
} from "../../gen/pawl/v1/event_pb.js";
import {
  OpenIdPolicy,
  RunRefSchema,
  type WorkflowSpec,
  WorkflowSpecSchema,
} from "../../gen/pawl/v1/workflow_pb.js";
import { type ChildEnding, endingOf, isOpenChild, takeOwner } from "./adopt-child.js";
import { requestCancel } from "./cancel.js";
import { terminateRun } from "./close-run.js";
import { type Draft, type EventKind, type EventMeta, makeEvent, openDraft, sendMessage } from "./draft.js";
import { RefusedError } from "./errors.js";
import { hearAnswer, hearOfChild, newsOf } from "./hear.js";
import { recordOutside } from "./outside.js";
import type { Message, Micros, Pointer, RunAddress, RunState, Workflow } from "./run-state.js";
import { settle } from "./settle.js";
import { startBy } from "./start.js";
import { isClosedStatus } from "./status.js";
import type { Context, HandedTask, RunStep, WorkflowTransition } from "./transition.js";

/** How children of the workflow id have ended, by their first runs. */
export type ChildEndings = ReadonlyMap<string, ChildEnding>;

/**
 * Delivers messages to the current run of a workflow id, or starts runs of it. `messages` are in order, for each sender. Answers the first runs of
 * children that are over and asked how they ended: that has to be looked up before those messages can be delivered.
 */
export function deliverMessages(
  workflow: Workflow,
  messages: readonly Message[],
  context: Context,
  endings: ChildEndings = new Map(),
): WorkflowTransition<readonly string[]> {
  const delivery = new Delivery(workflow, context, endings);
  for (const message of messages) {
    const { kind } = message.event;
    if (kind.case === "childWorkflowInitiated") delivery.start(message, kind.value);
    else if (kind.case === "childWorkflowAdopted") delivery.adopt(message, kind.value);
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
  /** Messages to children whose ending has to be looked up, with the first run of the child. */
  private readonly left = new Map<Message, string>();

  constructor(
    private readonly workflow: Workflow,
    private readonly context: Context,
    private readonly endings: ChildEndings,
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
        this.tell(message);
    }
  }

  /** What a run hears of a child or a request is named by the run that started or sent it, which the open one may go on for. */
  private tell(message: Message): void {
    const draft = this.openCurrent();
    if (draft !== undefined) hear(draft, message);
  }

  /** A run that a reset made takes over a child. */
  adopt(message: Message, adopted: ChildWorkflowAdopted): void {
    const run = this.draft?.run ?? this.current;
    if (isOpenChild(run, adopted)) {
      this.draft ??= openDraft(run, this.context);
      takeOwner(this.draft, message.sender.runId, adopted);
      return;
    }
    const firstRunId = adopted.child?.runId ?? "";
    const ending = this.endings.get(firstRunId);
    if (ending === undefined) this.left.set(message, firstRunId);
    else this.answer(message, endingOf(adopted, ending), adopted.startedByRunId);
  }

  finish(messages: readonly Message[]): WorkflowTransition<readonly string[]> {
    this.settle();
    const { handed, sent, pointer, steps, left } = this;
    return {
      runs: [...steps.values()],
      pointer,
      handed,
      messages: sent,
      delivered: messages.filter((message) => !left.has(message)),
      outcome: [...left.values()],
    };
  }

  /** The draft of the run that a message is for. Undefined: there is none that is open. */
  private openFor(message: Message): Draft | undefined {
    const run = this.draft?.run ?? this.current;
    return run !== undefined && isMeant(run, message) ? this.openCurrent() : undefined;
  }

  /** The draft of the run that is open. Undefined: there is none. */
  private openCurrent(): Draft | undefined {
    const run = this.draft?.run ?? this.current;
    if (run === undefined || isClosedStatus(run.status)) return undefined;
    this.draft ??= openDraft(run, this.context);
    return this.draft;
  }

  /** Answers a message whether or not there is a run that could; to its sender, unless that goes on for another run which is known by it. */
  private answer(message: Message, kind: EventKind, receiverRunId = message.sender.runId): void {
    const { namespaceId, workflowId } = this.workflow;
    const { runId, namespace } = message.sender;
    const at: Micros = this.draft?.now ?? this.context.now;
    this.sent.push({
      sender: { namespaceId, namespace, workflowId, runId },
      number: -message.number,
      receiver: { ...message.sender, runId: receiverRunId },
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

/** A run hears of a child, or what came of its request. What it does not wait for any more is nothing to it. */
function hear(draft: Draft, { event: { kind }, receiver: { runId } }: Message): void {
  const news = newsOf(kind);
  if (news === undefined) throw new Error(`a message can't be ${kind.case}`);
  const { seq, initiatedEventId } = news.kind.value;
  if (news.of === "child") {
    const child = draft.run.children.get(seq);
    const isOurs = child?.startedBy.runId === runId && child.startedBy.initiatedEventId === initiatedEventId;
    if (isOurs) hearOfChild(draft, child, news.kind);
    return;
  }
  const request = draft.run.externalRequests.get(seq);
  const isOurs =
    request?.initiatedEventId === initiatedEventId && (request.sentBy ?? draft.run.runId) === runId;
  if (isOurs) hearAnswer(draft, news.kind);
}

function isChildOf({ settings }: RunState, { sender }: Message): boolean {
  const { parent } = settings;
  if (parent === undefined) return false;
  return (parent.ownerRunId ?? parent.runId) === sender.runId || parent.runId === sender.knownAs;
}

/** Whether a message for some run of the workflow id is for this one. A parent knows a child by the id of its first run. */
function isMeant(run: RunState, message: Message): boolean {
  const { runId } = message.receiver;
  if (runId === "" || runId === run.runId) return true;
  return run.settings.firstRunId === runId && isChildOf(run, message);
}

/** Why a child could not start. */
function causeOf(error: unknown): ExternalFailureCause {
  const reason = error instanceof RefusedError ? error.reason : undefined;
  switch (reason) {
    case ErrorReason.WORKFLOW_EXISTS:
      return ExternalFailureCause.WORKFLOW_EXISTS;
    case ErrorReason.SIZE_LIMIT:
      return ExternalFailureCause.LIMIT_EXCEEDED;
    case ErrorReason.NAMESPACE_IN_USE:
      return ExternalFailureCause.NAMESPACE_NOT_FOUND;
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
