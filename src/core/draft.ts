/**
 * A run while a transition works on it: a copy that may be changed, with the events that were added. What is not changed stays shared with the
 * state it began with.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type HistoryEvent, HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import type { Link, UserMetadata } from "../../gen/pawl/v1/payload_pb.js";
import { sizeLimit } from "./refusals.js";
import {
  type ActivityState,
  type BufferedEvent,
  type ChildState,
  type ExternalRequestState,
  type Message,
  type MessageReceiver,
  type Micros,
  type RunKey,
  type RunState,
  runKeyId,
  type TimerState,
  type UpdateState,
} from "./run-state.js";
import { isClosedStatus } from "./status.js";
import { timestampOf } from "./time.js";
import type { Context, HandedTask, Poller, RecordedEvent, RunTransition } from "./transition.js";

/** A run that is being changed. */
export interface Draft {
  /** The state that it began with. Undefined: the run begins. */
  readonly before: RunState | undefined;
  readonly context: Context;
  /** The time of all that this transition does: that of the context, but never before the newest event. */
  readonly now: Micros;
  /** The state so far. Its maps are changed by the functions of this file alone. */
  readonly run: { -readonly [K in keyof RunState]: RunState[K] };
  readonly events: RecordedEvent[];
  readonly handed: HandedTask[];
  readonly messages: Message[];
  /** The run that begins in this one's place. */
  next: RunTransition<void> | undefined;
  /** Who has made the change and takes tasks that come of it, before they are offered to others. */
  taker: Taker | undefined;
  /** Seqs of activities that became ready and have to be offered. */
  readonly readyActivities: Set<number>;
  /** Whether there are events in history that no workflow task has been made for. */
  hasNews: boolean;
  /** What this draft has copied and may change. */
  readonly own: {
    activities?: Map<number, ActivityState>;
    timers?: Map<number, TimerState>;
    children?: Map<number, ChildState>;
    externalRequests?: Map<number, ExternalRequestState>;
    updates?: Map<string, UpdateState>;
    keys?: Map<string, RunKey>;
    buffered?: BufferedEvent[];
  };
}

/** A worker that takes tasks in the answer to its call. */
export interface Taker {
  readonly poller: Poller;
  /** Whether it takes the run's next workflow task. */
  readonly takesNextTask: boolean;
  /** The seqs of activities that it starts itself, as its commands ask. */
  readonly eagerSeqs: ReadonlySet<number>;
}

/** What happened, as the kind of an event. */
export type EventKind = NonNullable<
  Exclude<MessageInitShape<typeof HistoryEventSchema>, HistoryEvent>["kind"]
>;

/** What surrounds an event. */
export interface EventMeta {
  /** Who caused it, as it named itself. */
  readonly identity?: string;
  /** Who caused it, as authenticated. */
  readonly principal?: string;
  readonly userMetadata?: UserMetadata | undefined;
  readonly links?: Link[];
}

/** Opens a draft of a run that exists. */
export function openDraft(before: RunState, context: Context): Draft {
  return draftOf(before, before, context);
}

/** Opens a draft of a run that begins. */
export function openNewDraft(initial: RunState, context: Context): Draft {
  return draftOf(initial, undefined, context);
}

function draftOf(run: RunState, before: RunState | undefined, context: Context): Draft {
  return {
    before,
    context,
    now: Math.max(context.now, run.lastEventAt),
    run: { ...run },
    events: [],
    handed: [],
    messages: [],
    next: undefined,
    taker: undefined,
    readyActivities: new Set(),
    hasNews: false,
    own: {},
  };
}

/** Whether the run is over. */
export function isClosed(draft: Draft): boolean {
  return isClosedStatus(draft.run.status);
}

/** Adds an event to history and answers its id. */
export function appendEvent(draft: Draft, kind: EventKind, meta: EventMeta = {}): number {
  return addEvent(draft, kind, meta).eventId;
}

/** Adds an event to history and answers it. */
export function addEvent(draft: Draft, kind: EventKind, meta: EventMeta): HistoryEvent {
  const event = makeEvent(draft.run.nextEventId, draft.now, kind, meta);
  recordEvent(draft, event, draft.now, encodeEvent(draft, event));
  return event;
}

/** An event that is not in history yet. */
export function makeEvent(eventId: number, at: Micros, kind: EventKind, meta: EventMeta): HistoryEvent {
  const { userMetadata, ...rest } = meta;
  return create(HistoryEventSchema, {
    eventId,
    eventTime: timestampOf(at),
    kind,
    ...rest,
    ...(userMetadata === undefined ? {} : { userMetadata }),
  });
}

/** The kind of an event with some of its fields set. */
export function withFields<Kind extends { readonly value: object }>(
  kind: Kind,
  fields: Partial<Kind["value"]>,
): Kind {
  return { ...kind, value: { ...kind.value, ...fields } };
}

/** Adds an event as it is, which must have the next id. Its size was checked when it was made. */
export function recordEvent(
  draft: Draft,
  event: HistoryEvent,
  at: Micros = draft.now,
  bytes: Uint8Array = toBinary(HistoryEventSchema, event),
): number {
  draft.events.push({ event, bytes });
  draft.run.nextEventId = event.eventId + 1;
  draft.run.historyBytes += bytes.length;
  draft.run.lastEventAt = at;
  return event.eventId;
}

/** The bytes of a new event as they are stored. Refuses one that is too large. */
export function encodeEvent({ context }: Draft, event: HistoryEvent): Uint8Array {
  const bytes = toBinary(HistoryEventSchema, event);
  const limit = context.limits.maxEventBytes;
  if (bytes.length > limit) throw sizeLimit(`event ${event.kind.case}`, limit, bytes.length);
  return bytes;
}

/** Sets a pending activity. */
export function putActivity(draft: Draft, activity: ActivityState): void {
  ownActivities(draft).set(activity.seq, activity);
}

/** An activity is pending no more. */
export function removeActivity(draft: Draft, seq: number): void {
  ownActivities(draft).delete(seq);
}

/** Sets a pending timer. */
export function putTimer(draft: Draft, timer: TimerState): void {
  ownTimers(draft).set(timer.seq, timer);
}

/** A timer is pending no more. */
export function removeTimer(draft: Draft, seq: number): void {
  ownTimers(draft).delete(seq);
}

/** Sets a pending child. */
export function putChild(draft: Draft, child: ChildState): void {
  ownChildren(draft).set(child.seq, child);
}

/** A child is pending no more. */
export function removeChild(draft: Draft, seq: number): void {
  ownChildren(draft).delete(seq);
}

/** Sets a pending request to another run. */
export function putExternalRequest(draft: Draft, request: ExternalRequestState): void {
  ownExternalRequests(draft).set(request.seq, request);
}

/** A request to another run is pending no more. */
export function removeExternalRequest(draft: Draft, seq: number): void {
  ownExternalRequests(draft).delete(seq);
}

/** Sets an update. */
export function putUpdate(draft: Draft, update: UpdateState): void {
  ownUpdates(draft).set(update.updateId, update);
}

/** An update is answered. */
export function removeUpdate(draft: Draft, updateId: string): void {
  ownUpdates(draft).delete(updateId);
}

/** Sends a message to another run, which may be an open child; it goes out once this is committed. */
export function sendMessage(
  draft: Draft,
  receiver: MessageReceiver,
  event: HistoryEvent,
  child?: ChildState,
): void {
  const { run, now } = draft;
  const { namespaceId, workflowId, runId, settings } = run;
  const { namespace, parent } = settings;
  run.messagesSent += 1;
  draft.messages.push({
    sender: {
      namespaceId,
      namespace,
      workflowId,
      runId,
      ...(parent === undefined ? {} : { root: parent.root }),
      ...(child === undefined || child.startedBy.runId === runId ? {} : { knownAs: child.startedBy.runId }),
    },
    number: run.messagesSent,
    receiver: {
      namespaceId: receiver.namespaceId,
      workflowId: receiver.workflowId,
      runId: receiver.runId,
      ...(receiver.isSchedule === true ? { isSchedule: true } : {}),
    },
    sentAt: now,
    event,
  });
}

/** Remembers what a key did. */
export function putKey(draft: Draft, key: RunKey): void {
  draft.own.keys ??= new Map(draft.run.keys);
  draft.run.keys = draft.own.keys;
  draft.own.keys.set(runKeyId(key.kind, key.key), key);
}

/** Keeps an event until the started workflow task closes. */
export function pushBuffered(draft: Draft, event: HistoryEvent): void {
  draft.own.buffered ??= [...draft.run.buffered];
  draft.run.buffered = draft.own.buffered;
  // Nothing is stored while events are buffered, and the flush takes an id for each: no later position can be one of these.
  draft.own.buffered.push({ position: draft.run.nextEventId + draft.own.buffered.length, event });
}

/** Takes all buffered events out. */
export function takeBuffered(draft: Draft): readonly BufferedEvent[] {
  const taken = draft.run.buffered;
  if (taken.length > 0) draft.run.buffered = draft.own.buffered = [];
  return taken;
}

/** Nothing is pending any more. */
export function clearPending(draft: Draft): void {
  if (draft.run.activities.size > 0) draft.run.activities = draft.own.activities = new Map();
  if (draft.run.timers.size > 0) draft.run.timers = draft.own.timers = new Map();
  if (draft.run.children.size > 0) draft.run.children = draft.own.children = new Map();
  if (draft.run.externalRequests.size > 0)
    draft.run.externalRequests = draft.own.externalRequests = new Map();
  const rejected = [...draft.run.updates].filter(([, { rejection }]) => rejection !== undefined);
  if (draft.run.updates.size > 0) draft.run.updates = draft.own.updates = new Map(rejected);
  draft.run.workflowTask = undefined;
}

function ownActivities(draft: Draft): Map<number, ActivityState> {
  draft.own.activities ??= new Map(draft.run.activities);
  draft.run.activities = draft.own.activities;
  return draft.own.activities;
}

function ownTimers(draft: Draft): Map<number, TimerState> {
  draft.own.timers ??= new Map(draft.run.timers);
  draft.run.timers = draft.own.timers;
  return draft.own.timers;
}

function ownChildren(draft: Draft): Map<number, ChildState> {
  draft.own.children ??= new Map(draft.run.children);
  draft.run.children = draft.own.children;
  return draft.own.children;
}

function ownExternalRequests(draft: Draft): Map<number, ExternalRequestState> {
  draft.own.externalRequests ??= new Map(draft.run.externalRequests);
  draft.run.externalRequests = draft.own.externalRequests;
  return draft.own.externalRequests;
}

function ownUpdates(draft: Draft): Map<string, UpdateState> {
  draft.own.updates ??= new Map(draft.run.updates);
  draft.run.updates = draft.own.updates;
  return draft.own.updates;
}
