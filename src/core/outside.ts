/** Events from outside: straight into history, or kept until the started workflow task closes. */
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import {
  appendEvent,
  type Draft,
  type EventKind,
  type EventMeta,
  encodeEvent,
  makeEvent,
  pushBuffered,
  putActivity,
  putChild,
  putKey,
  recordEvent,
  takeBuffered,
  withFields,
} from "./draft.js";
import { type RunKeyKind, runKeyId } from "./run-state.js";
import { timestampOf } from "./time.js";
import { showUnseenUpdates } from "./update-end.js";

/** Records what came from outside of workflow code. Answers its event id; 0 if it is buffered and gets one later. */
export function recordOutside(draft: Draft, kind: EventKind, meta: EventMeta = {}): number {
  if (draft.run.workflowTask?.lease === undefined) {
    return appendOutside(draft, kind, meta);
  }
  const event = makeEvent(0, draft.now, kind, meta);
  encodeEvent(draft, event);
  pushBuffered(draft, event);
  return 0;
}

/** Adds an event from outside to history: workflow code is still to see it. */
export function appendOutside(draft: Draft, kind: EventKind, meta: EventMeta): number {
  const eventId = appendEvent(draft, kind, meta);
  noteNews(draft, eventId);
  return eventId;
}

/** Records what came of a command at once: behind the events of all commands of its task, as if it had come from outside a moment later. */
export function recordLater(draft: Draft, kind: EventKind): void {
  const event = makeEvent(0, draft.now, kind, {});
  encodeEvent(draft, event);
  pushBuffered(draft, event);
}

/** Gives the buffered events their ids, in order, and shows the updates that came meanwhile to the next task. To be called when no workflow task is started any more. */
export function flushBuffered(draft: Draft): void {
  const ids: FlushedIds = {
    started: new Map(),
    cancelRequested: new Map(),
    childStarted: new Map(),
    cause: 0,
  };
  for (const { event } of takeBuffered(draft)) {
    const eventId = draft.run.nextEventId;
    const placed: HistoryEvent = { ...event, eventId, eventTime: timestampOf(draft.now) };
    placed.kind = referTo(ids, event.kind);
    recordEvent(draft, placed);
    noteFlushed(draft, ids, placed);
    noteNews(draft, eventId);
  }
  showUnseenUpdates(draft);
}

function noteNews(draft: Draft, eventId: number): void {
  draft.hasNews = true;
  draft.run.lastOutsideEventId = eventId;
}

/** Ids given in this flush, by the id of the activity's Scheduled event, for those behind that refer to them. */
interface FlushedIds {
  readonly started: Map<number, number>;
  readonly cancelRequested: Map<number, number>;
  /** By the id of the child's Initiated event. */
  readonly childStarted: Map<number, number>;
  /** The WorkflowCancelRequested: it alone cancels timers and activities from outside, and it comes right before them. */
  cause: number;
}

type Kind = HistoryEvent["kind"];

/** The kind with references to events that were buffered before it filled in. */
function referTo(ids: FlushedIds, kind: Kind): Kind {
  switch (kind.case) {
    case "activityCompleted":
    case "activityFailed":
    case "activityTimedOut":
      return withFields(kind, { startedEventId: startedOf(ids, kind.value) });
    case "activityCancelled": {
      const requested = ids.cancelRequested.get(kind.value.scheduledEventId);
      const cancelRequestedEventId = requested ?? kind.value.cancelRequestedEventId;
      return withFields(kind, { startedEventId: startedOf(ids, kind.value), cancelRequestedEventId });
    }
    case "activityCancelRequested":
    case "timerCancelled":
      return withFields(kind, { causeEventId: ids.cause });
    case "childWorkflowCompleted":
    case "childWorkflowFailed":
    case "childWorkflowCancelled":
    case "childWorkflowTimedOut":
    case "childWorkflowTerminated": {
      const { initiatedEventId, startedEventId } = kind.value;
      return withFields(kind, { startedEventId: ids.childStarted.get(initiatedEventId) ?? startedEventId });
    }
    default:
      return kind;
  }
}

function startedOf(ids: FlushedIds, { scheduledEventId }: { readonly scheduledEventId: number }): number {
  return ids.started.get(scheduledEventId) ?? 0;
}

/** What the state says of an event that has its id now. */
function noteFlushed(draft: Draft, ids: FlushedIds, { eventId, kind }: HistoryEvent): void {
  switch (kind.case) {
    case "activityStarted":
      ids.started.set(kind.value.scheduledEventId, eventId);
      return;
    case "activityCancelRequested":
      ids.cancelRequested.set(kind.value.scheduledEventId, eventId);
      noteCancelRequested(draft, kind.value.seq, eventId);
      return;
    case "workflowCancelRequested":
      ids.cause = eventId;
      draft.run.cancelRequestedEventId = eventId;
      noteKey(draft, "cancel", kind.value.requestId, eventId);
      return;
    case "childWorkflowStarted":
      ids.childStarted.set(kind.value.initiatedEventId, eventId);
      noteChildStarted(draft, kind.value.seq, eventId);
      return;
    case "signalReceived":
      noteKey(draft, "signal", kind.value.requestId, eventId);
      return;
    case "activityCompleted":
    case "activityFailed":
    case "activityCancelled":
      noteKey(draft, "activity", String(kind.value.seq), eventId);
      return;
    default:
      return;
  }
}

function noteCancelRequested(draft: Draft, seq: number, eventId: number): void {
  const activity = draft.run.activities.get(seq);
  if (activity !== undefined) putActivity(draft, { ...activity, cancelRequestedEventId: eventId });
}

function noteChildStarted(draft: Draft, seq: number, eventId: number): void {
  const child = draft.run.children.get(seq);
  if (child !== undefined) putChild(draft, { ...child, startedEventId: eventId });
}

function noteKey(draft: Draft, kind: RunKeyKind, name: string, eventId: number): void {
  const key = draft.run.keys.get(runKeyId(kind, name));
  if (key?.eventId === 0) putKey(draft, { ...key, eventId });
}
