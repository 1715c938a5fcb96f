/** What a batch changes, row by row: found by comparing, by reference, the states before and after each step. */
import { toBinary } from "@bufbuild/protobuf";
import { HistoryEventSchema, WorkflowStartedSchema } from "../../gen/pawl/v1/event_pb.js";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { UpdateRequestSchema } from "../../gen/pawl/v1/task_pb.js";
import type { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type { Message, RunState } from "../core/run-state.js";
import type { ScheduleState } from "../core/schedules/schedule-state.js";
import type { RunStep } from "../core/transition.js";
import { joinMessages } from "./history.js";
import { type ReadyTask, readyTasks, sameReadyTask } from "./ready-task.js";
import { type SearchAttributeRow, searchRows } from "./search-values.js";
import {
  encodeActivity,
  encodeAttributes,
  encodeChild,
  encodeExternalRequest,
  encodeFailure,
  encodeSettings,
  encodeUpdate,
  encodeWorkflowTask,
} from "./stored-state.js";
import type { ScheduleStep, Unit } from "./unit.js";

/** The rows of one table that units want to write; each says by its number which unit it belongs to. */
export type Rows<T> = (T & { readonly unit: number })[];

/** A row of a run's own. */
interface OfRun {
  readonly runId: string;
}

/** The current run of a workflow id. */
interface PointerRow extends OfRun {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly startRequestId: string;
  readonly requestHash: string;
}

/** What a batch wants to write. */
export interface BatchRows {
  readonly newPointers: Rows<PointerRow>;
  readonly movedPointers: Rows<PointerRow & { expected: string }>;
  readonly newRuns: Rows<{
    state: RunState;
    settings: string;
    retryStart: Uint8Array | undefined;
    columns: RunColumns;
  }>;
  /** Settings are undefined where they stay. */
  readonly changedRuns: Rows<{
    expectedVersion: number;
    state: RunState;
    columns: RunColumns;
    settings: string | undefined;
  }>;
  /** How the numbers of runs by status change. */
  readonly statusChanges: Rows<{ namespaceId: string; status: WorkflowStatus; change: 1 | -1 }>;
  /** Runs that begin with a history which was copied for them. */
  readonly usedCopies: Rows<OfRun>;
  readonly history: Rows<OfRun & { firstEventId: number; lastEventId: number; events: Uint8Array }>;
  readonly putActivities: Rows<
    OfRun & {
      seq: number;
      state: string;
      lastFailure: Uint8Array | undefined;
      taskQueue: string;
      leaseEpoch: number | undefined;
      leaseWorkerId: string | undefined;
      isCancelRequested: boolean;
    }
  >;
  readonly goneActivities: Rows<OfRun & { seq: number }>;
  readonly putTimers: Rows<OfRun & { seq: number; scheduledEventId: number; fireAt: number }>;
  readonly goneTimers: Rows<OfRun & { seq: number }>;
  readonly putChildren: Rows<OfRun & { seq: number; state: string }>;
  readonly goneChildren: Rows<OfRun & { seq: number }>;
  readonly putExternalRequests: Rows<OfRun & { seq: number; state: string }>;
  readonly goneExternalRequests: Rows<OfRun & { seq: number }>;
  readonly sentMessages: Rows<MessageKey & { message: Message; sender: string; event: Uint8Array }>;
  readonly deliveredMessages: Rows<MessageKey>;
  /** A last result is undefined where it stays. */
  readonly changedSchedules: Rows<{
    expectedVersion: number;
    state: ScheduleState;
    progress: string;
    lastResult: Uint8Array | undefined;
  }>;
  readonly madeScheduleRequests: Rows<{
    namespaceId: string;
    requestId: string;
    contentHash: string;
    answer: string;
    madeAt: number;
  }>;
  readonly putBuffered: Rows<OfRun & { position: number; event: Uint8Array }>;
  readonly goneBuffered: Rows<OfRun & { position: number }>;
  readonly putKeys: Rows<
    OfRun & { kind: string; key: string; eventId: number | undefined; contentHash: string }
  >;
  readonly putAttributes: Rows<OfRun & { attributes: Uint8Array }>;
  readonly putSearchAttributes: Rows<SearchAttributeRow>;
  readonly goneSearchAttributes: Rows<SearchAttributeRow>;
  readonly putSnapshots: Rows<OfRun & { asOfEventId: number; state: Uint8Array }>;
  readonly putUpdates: Rows<
    OfRun & {
      updateId: string;
      state: string;
      request: Uint8Array | undefined;
      rejection: Uint8Array | undefined;
    }
  >;
  readonly goneUpdates: Rows<OfRun & { updateId: string }>;
  readonly putWakeups: Rows<OfRun & { dueAt: number }>;
  readonly goneWakeups: Rows<OfRun>;
  readonly putReady: Rows<ReadyTask>;
  readonly goneReady: Rows<ReadyTask>;
}

/** What names a message. */
interface MessageKey {
  readonly senderRunId: string;
  readonly number: number;
}

/** The columns of a run that are not simply fields of its state. */
export interface RunColumns {
  readonly workflowTask: string | undefined;
  readonly workflowTaskFailure: Uint8Array | undefined;
}

/** The rows of units, which are numbered by their place. */
export function batchRows(units: readonly Unit[]): BatchRows {
  const rows: BatchRows = {
    newPointers: [],
    movedPointers: [],
    newRuns: [],
    changedRuns: [],
    statusChanges: [],
    usedCopies: [],
    history: [],
    putActivities: [],
    goneActivities: [],
    putTimers: [],
    goneTimers: [],
    putChildren: [],
    goneChildren: [],
    putExternalRequests: [],
    goneExternalRequests: [],
    sentMessages: [],
    deliveredMessages: [],
    changedSchedules: [],
    madeScheduleRequests: [],
    putBuffered: [],
    goneBuffered: [],
    putKeys: [],
    putAttributes: [],
    putSearchAttributes: [],
    goneSearchAttributes: [],
    putSnapshots: [],
    putUpdates: [],
    goneUpdates: [],
    putWakeups: [],
    goneWakeups: [],
    putReady: [],
    goneReady: [],
  };
  units.forEach((unit, number) => {
    if (unit.pointer !== undefined) {
      const { expected, next } = unit.pointer;
      const { namespaceId, workflowId } = unit;
      const pointer = { unit: number, namespaceId, workflowId, ...next };
      if (expected === undefined) rows.newPointers.push(pointer);
      else rows.movedPointers.push({ expected, ...pointer });
    }
    for (const step of unit.runs) addStep(rows, number, step);
    addMessages(rows, number, unit);
    if (unit.schedule !== undefined) addSchedule(rows, number, unit.schedule);
  });
  return rows;
}

function addStep(rows: BatchRows, unit: number, step: RunStep): void {
  const { before, after: state } = step;
  const columns: RunColumns = {
    workflowTask: state.workflowTask && encodeWorkflowTask(state.workflowTask),
    workflowTaskFailure: encodeFailure(state.workflowTask?.lastFailure),
  };
  if (before === undefined)
    rows.newRuns.push({
      unit,
      state,
      columns,
      settings: encodeSettings(state.settings),
      retryStart: state.retryStart && toBinary(WorkflowStartedSchema, state.retryStart),
    });
  else {
    const settings = state.settings === before.settings ? undefined : encodeSettings(state.settings);
    rows.changedRuns.push({ unit, expectedVersion: before.version, state, columns, settings });
  }
  addStatus(rows, unit, step);
  if (step.copied !== undefined) rows.usedCopies.push({ unit, runId: state.runId });
  addHistory(rows, unit, step);
  addActivities(rows, unit, step);
  addTimers(rows, unit, step);
  addChildren(rows, unit, step);
  addExternalRequests(rows, unit, step);
  addBuffered(rows, unit, step);
  addKeys(rows, unit, step);
  addAttributes(rows, unit, step);
  addSnapshot(rows, unit, step);
  addUpdates(rows, unit, step);
  addWakeup(rows, unit, step);
  addReady(rows, unit, step);
}

function addStatus(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  if (before?.status === after.status) return;
  const { namespaceId } = after;
  if (before !== undefined) rows.statusChanges.push({ unit, namespaceId, status: before.status, change: -1 });
  rows.statusChanges.push({ unit, namespaceId, status: after.status, change: 1 });
}

function addHistory(rows: BatchRows, unit: number, { after, events }: RunStep): void {
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return;
  rows.history.push({
    unit,
    runId: after.runId,
    firstEventId: first.event.eventId,
    lastEventId: last.event.eventId,
    events: joinMessages(events.map(({ bytes }) => bytes)),
  });
}

function addActivities(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const { runId } = after;
  for (const activity of newValues(before?.activities, after.activities)) {
    rows.putActivities.push({
      unit,
      runId,
      seq: activity.seq,
      state: encodeActivity(activity),
      lastFailure: encodeFailure(activity.lastFailure),
      taskQueue: activity.taskQueue,
      leaseEpoch: activity.lease?.epoch,
      leaseWorkerId: activity.lease?.workerId,
      isCancelRequested: activity.cancelRequestedEventId !== undefined,
    });
  }
  for (const seq of goneKeys(before?.activities, after.activities))
    rows.goneActivities.push({ unit, runId, seq });
}

function addTimers(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const { runId } = after;
  for (const timer of newValues(before?.timers, after.timers)) rows.putTimers.push({ unit, runId, ...timer });
  for (const seq of goneKeys(before?.timers, after.timers)) rows.goneTimers.push({ unit, runId, seq });
}

function addChildren(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const { runId } = after;
  for (const child of newValues(before?.children, after.children))
    rows.putChildren.push({ unit, runId, seq: child.seq, state: encodeChild(child) });
  for (const seq of goneKeys(before?.children, after.children)) rows.goneChildren.push({ unit, runId, seq });
}

function addExternalRequests(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const { runId } = after;
  for (const request of newValues(before?.externalRequests, after.externalRequests))
    rows.putExternalRequests.push({ unit, runId, seq: request.seq, state: encodeExternalRequest(request) });
  for (const seq of goneKeys(before?.externalRequests, after.externalRequests))
    rows.goneExternalRequests.push({ unit, runId, seq });
}

function addMessages(rows: BatchRows, number: number, { messages, delivered }: Unit): void {
  const keyOf = (message: Message) => ({
    unit: number,
    senderRunId: message.sender.runId,
    number: message.number,
  });
  for (const message of messages) {
    const sender = JSON.stringify(message.sender);
    rows.sentMessages.push({
      message,
      sender,
      event: toBinary(HistoryEventSchema, message.event),
      ...keyOf(message),
    });
  }
  for (const message of delivered) rows.deliveredMessages.push(keyOf(message));
}

function addSchedule(rows: BatchRows, unit: number, { before, after, request }: ScheduleStep): void {
  const hasNewResult = after.lastResult !== undefined && after.lastResult !== before.lastResult;
  rows.changedSchedules.push({
    unit,
    expectedVersion: before.version,
    state: after,
    progress: JSON.stringify(after.progress),
    lastResult: hasNewResult ? toBinary(PayloadSchema, after.lastResult) : undefined,
  });
  if (request === undefined) return;
  const { namespaceId } = after;
  const { requestId, contentHash, madeAt } = request;
  const answer = JSON.stringify(request.answer);
  rows.madeScheduleRequests.push({ unit, namespaceId, requestId, contentHash, answer, madeAt });
}

function addBuffered(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  if (before?.buffered === after.buffered) return;
  const { runId } = after;
  const old = new Map(before?.buffered.map((entry) => [entry.position, entry]));
  const left = new Map(after.buffered.map((entry) => [entry.position, entry]));
  for (const entry of newValues(old, left)) {
    const event = toBinary(HistoryEventSchema, entry.event);
    rows.putBuffered.push({ unit, runId, position: entry.position, event });
  }
  for (const position of goneKeys(old, left)) rows.goneBuffered.push({ unit, runId, position });
}

/** Keys are never removed: a state may hold but the newest of them. */
function addKeys(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const { runId } = after;
  for (const { kind, key, eventId, contentHash } of newValues(before?.keys, after.keys)) {
    rows.putKeys.push({ unit, runId, kind, key, eventId: eventId || undefined, contentHash });
  }
}

function addAttributes(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const old = before?.attributes;
  if (old === after.attributes) return;
  rows.putAttributes.push({ unit, runId: after.runId, attributes: encodeAttributes(after.attributes) });
  const wanted = searchRows(after, after.attributes);
  const known = searchRows(after, old);
  for (const row of newValues(known, wanted)) rows.putSearchAttributes.push({ unit, ...row });
  for (const key of goneKeys(known, wanted)) {
    const row = known.get(key);
    if (row !== undefined) rows.goneSearchAttributes.push({ unit, ...row });
  }
}

function addSnapshot(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const { runId, snapshot } = after;
  if (snapshot === undefined || snapshot === before?.snapshot) return;
  const state = toBinary(PayloadSchema, snapshot.state);
  rows.putSnapshots.push({ unit, runId, asOfEventId: snapshot.asOfEventId, state });
}

function addUpdates(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const { runId } = after;
  for (const update of newValues(before?.updates, after.updates)) {
    const { updateId, rejection } = update;
    const request = update.request && toBinary(UpdateRequestSchema, update.request);
    const state = encodeUpdate(update);
    rows.putUpdates.push({ unit, runId, updateId, state, request, rejection: encodeFailure(rejection) });
  }
  for (const updateId of goneKeys(before?.updates, after.updates))
    rows.goneUpdates.push({ unit, runId, updateId });
}

function addWakeup(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const { runId, wakeupAt } = after;
  if (wakeupAt === before?.wakeupAt) return;
  if (wakeupAt === undefined) rows.goneWakeups.push({ unit, runId });
  else rows.putWakeups.push({ unit, runId, dueAt: wakeupAt });
}

function addReady(rows: BatchRows, unit: number, { before, after }: RunStep): void {
  const old = before === undefined ? [] : readyTasks(before);
  const left = readyTasks(after);
  if (old.length === 0 && left.length === 0) return;
  const oldBySeq = new Map(old.map((task) => [task.seq, task]));
  for (const task of left) {
    const known = oldBySeq.get(task.seq);
    if (known !== undefined && sameReadyTask(known, task)) oldBySeq.delete(task.seq);
    else rows.putReady.push({ unit, ...task });
  }
  for (const task of oldBySeq.values()) rows.goneReady.push({ unit, ...task });
}

/** What is new or another object than before. */
function* newValues<K, V>(before: ReadonlyMap<K, V> | undefined, after: ReadonlyMap<K, V>): Generator<V> {
  if (before === after) return;
  for (const [key, value] of after) if (before?.get(key) !== value) yield value;
}

function* goneKeys<K, V>(before: ReadonlyMap<K, V> | undefined, after: ReadonlyMap<K, V>): Generator<K> {
  if (before === undefined || before === after) return;
  for (const key of before.keys()) if (!after.has(key)) yield key;
}
