/** Reading what is known of workflows, each with one snapshot of all its tables. */
import { fromBinary } from "@bufbuild/protobuf";
import { HistoryEventSchema, WorkflowStartedSchema } from "../../gen/pawl/v1/event_pb.js";
import type { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type {
  ActivityState,
  BufferedEvent,
  ExternalRequestState,
  Micros,
  Pointer,
  RunKey,
  RunKeyKind,
  RunSettings,
  RunState,
  TimerState,
  UpdateState,
  Workflow,
} from "../core/run-state.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";
import {
  decodeActivity,
  decodeAttributes,
  decodeChild,
  decodeFailure,
  decodeHeartbeat,
  decodeUpdate,
  decodeWorkflowTask,
  type StoredActivity,
  type StoredChild,
  type StoredUpdate,
  type StoredWorkflowTask,
} from "./stored-state.js";

/** Which workflow to load. */
export interface LoadAsk {
  readonly namespaceId: string;
  readonly workflowId: string;
  /** This run of the workflow instead of its current one. */
  readonly runId?: string;
  /** Names of keys (as in `RunState.keys`) to load even where they are not among the newest. */
  readonly keys?: readonly string[];
}

/** Where a run belongs. */
export interface RunPlace {
  readonly runId: string;
  readonly namespaceId: string;
  readonly workflowId: string;
}

/** What was loaded, in the order of the asks. */
export interface Loaded {
  /** When, by the database's clock. */
  readonly now: Micros;
  readonly workflows: Workflow[];
}

/**
 * How many keys of a run are loaded, the newest first. A run of many steps uses a key a step: a state with all of them would make each step dearer than
 * the one before.
 */
export const loadedKeys = 100;

/** Loads workflows with one statement, so that what is loaded of each fits together. */
export async function loadWorkflows(q: Queryable, asks: readonly LoadAsk[]): Promise<Loaded> {
  const rows = await q.query<WorkflowRow>(loadStatement, [
    asks.map((ask) => ask.namespaceId),
    asks.map((ask) => storableText(ask.workflowId)),
    asks.map((ask) => (ask.runId === undefined ? null : storableUuid(ask.runId))),
    asks.map(askedKeys),
  ]);
  const byAsk = new Map(rows.map((row) => [row.ask, row]));
  const workflows = asks.map((ask, index) => readWorkflow(ask, byAsk.get(index + 1)));
  return { now: rows[0]?.now ?? 0, workflows };
}

/** As the driver writes texts: half a surrogate pair becomes U+FFFD, where JSON would keep an escape that Postgres refuses. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** Finds the workflows of runs; those that are not there are left out. */
export async function locateRuns(q: Queryable, runIds: readonly string[]): Promise<RunPlace[]> {
  return q.query<RunPlace & object>(locateStatement, [runIds.map(storableUuid)]);
}

const locateStatement: Statement = {
  name: "locate_runs",
  text: `
    select run_id as "runId", namespace_id as "namespaceId", workflow_id as "workflowId"
    from runs
    where run_id = any($1::uuid[])`,
};

/** A text with U+0000 is in no table, and Postgres can't even be asked for it: then for one that is in none either. */
function storableText(text: string): string {
  return text.includes("\0") ? "" : text;
}

/** Likewise what is no UUID. */
function storableUuid(text: string): string {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text : nilUuid;
}

const nilUuid = "00000000-0000-0000-0000-000000000000";

function askedKeys(ask: LoadAsk): string | null {
  if (ask.keys === undefined || ask.keys.length === 0) return null;
  const keys = ask.keys.filter((id) => !id.includes("\0")).map(wellFormed);
  return JSON.stringify(keys.map((id) => [id.slice(0, id.indexOf(":")), id.slice(id.indexOf(":") + 1)]));
}

const loadStatement: Statement = {
  name: "load_workflows",
  text: `
    select
      a.ask::int as ask,
      ${nowMicros} as now,
      (select state from namespaces where namespace_id = a.namespace_id) is distinct from 1 as is_ending,
      i.run_id as pointer_run_id, i.start_request_id, i.request_hash,
      r.run_id, r.workflow_type, r.task_queue, r.started_at, r.settings, r.version, r.status, r.next_event_id,
      r.history_bytes, r.last_event_at, r.closed_at, r.cancel_requested_event_id, r.last_outside_event_id, r.last_seq,
      r.task_epoch,
      r.previous_started_event_id, r.last_closed_task_epoch, r.sticky_worker_id, r.sticky_event_id,
      r.workflow_task, r.workflow_task_failure, r.messages_sent, r.retry_start,
      (select due_at from wakeups where run_id = r.run_id) as wakeup_at,
      (select json_agg(json_build_array(state, encode(request, 'base64')))
        from updates
        where run_id = r.run_id and rejection is null) as updates,
      (select attributes from run_attributes where run_id = r.run_id) as attributes,
      (select json_agg(json_build_array(x.seq, x.state, encode(x.last_failure, 'base64'), h.epoch, h.heartbeat_at, encode(h.details, 'base64')) order by x.seq)
        from activities x
        left join activity_heartbeats h on h.run_id = x.run_id and h.seq = x.seq
        where x.run_id = r.run_id) as activities,
      (select json_agg(json_build_array(seq, scheduled_event_id, fire_at) order by seq)
        from timers
        where run_id = r.run_id) as timers,
      (select json_agg(json_build_array(seq, state) order by seq)
        from children
        where run_id = r.run_id) as children,
      (select json_agg(json_build_array(seq, state) order by seq)
        from external_requests
        where run_id = r.run_id) as external_requests,
      (select json_agg(json_build_array(position, encode(event, 'base64')) order by position)
        from buffered_events
        where run_id = r.run_id) as buffered,
      (select json_agg(json_build_array(kind, key, event_id, content_hash) order by event_id desc)
        from (
          select kind, key, event_id, content_hash
          from run_keys
          where run_id = r.run_id and event_id is null
          union all
          (select kind, key, event_id, content_hash
            from run_keys
            where run_id = r.run_id and event_id is not null
            order by event_id desc
            limit ${loadedKeys + 1})
        ) newest) as keys,
      case when a.keys is not null then (
        select json_agg(json_build_array(k.kind, k.key, k.event_id, k.content_hash))
        from json_array_elements(a.keys) asked
        join run_keys k on k.run_id = r.run_id and k.kind = asked ->> 0 and k.key = asked ->> 1
      ) end as asked_keys
    from unnest($1::uuid[], $2::text[], $3::uuid[], $4::json[])
      with ordinality a (namespace_id, workflow_id, run_id, keys, ask)
    left join workflow_ids i on i.namespace_id = a.namespace_id and i.workflow_id = a.workflow_id
    left join runs r
      on r.run_id = coalesce(a.run_id, i.run_id)
      and r.namespace_id = a.namespace_id
      and r.workflow_id = a.workflow_id
      and not r.is_deleting`,
};

type KeyRow = [RunKeyKind, string, number | null, string];

interface RunRow {
  run_id: string;
  workflow_type: string;
  task_queue: string;
  started_at: number;
  settings: RunSettings;
  version: number;
  status: WorkflowStatus;
  next_event_id: number;
  history_bytes: number;
  last_event_at: number;
  closed_at: number | null;
  cancel_requested_event_id: number | null;
  last_outside_event_id: number;
  last_seq: number;
  task_epoch: number;
  previous_started_event_id: number;
  last_closed_task_epoch: number;
  sticky_worker_id: string;
  sticky_event_id: number;
  workflow_task: StoredWorkflowTask | null;
  workflow_task_failure: Buffer | null;
  messages_sent: number;
  retry_start: Buffer | null;
  wakeup_at: number | null;
  updates: [StoredUpdate, string | null][] | null;
  attributes: Buffer | null;
  activities: [number, StoredActivity, string | null, number | null, number, string | null][] | null;
  timers: [number, number, number][] | null;
  children: [number, StoredChild][] | null;
  external_requests: [number, ExternalRequestState][] | null;
  buffered: [number, string][] | null;
  keys: KeyRow[] | null;
  asked_keys: KeyRow[] | null;
}

type WorkflowRow = { ask: number; now: number; is_ending: boolean } & (
  | { pointer_run_id: string; start_request_id: string; request_hash: string }
  | { pointer_run_id: null }
) &
  (RunRow | { run_id: null });

function readWorkflow(ask: LoadAsk, row: WorkflowRow | undefined): Workflow {
  const { namespaceId, workflowId } = ask;
  if (row === undefined) return { namespaceId, workflowId, pointer: undefined, run: undefined };
  const pointer: Pointer | undefined =
    row.pointer_run_id === null
      ? undefined
      : {
          runId: row.pointer_run_id,
          startRequestId: row.start_request_id,
          requestHash: row.request_hash,
        };
  const run = row.run_id === null ? undefined : readRun(ask, row);
  return { namespaceId, workflowId, pointer, run, ...(row.is_ending ? { isEnding: true } : {}) };
}

function readRun(ask: LoadAsk, row: RunRow): RunState {
  const { keys, hasAllKeys } = readKeys(row);
  return {
    runId: row.run_id,
    namespaceId: ask.namespaceId,
    workflowId: ask.workflowId,
    workflowType: row.workflow_type,
    taskQueue: row.task_queue,
    startedAt: row.started_at,
    settings: row.settings,
    version: row.version,
    status: row.status,
    nextEventId: row.next_event_id,
    historyBytes: row.history_bytes,
    lastEventAt: row.last_event_at,
    closedAt: row.closed_at ?? undefined,
    cancelRequestedEventId: row.cancel_requested_event_id ?? undefined,
    lastOutsideEventId: row.last_outside_event_id,
    lastSeq: row.last_seq,
    taskEpoch: row.task_epoch,
    previousStartedEventId: row.previous_started_event_id,
    lastClosedTaskEpoch: row.last_closed_task_epoch,
    stickyWorkerId: row.sticky_worker_id,
    stickyEventId: row.sticky_event_id,
    workflowTask:
      row.workflow_task === null
        ? undefined
        : decodeWorkflowTask(row.workflow_task, decodeFailure(row.workflow_task_failure)),
    activities: new Map((row.activities ?? []).map((entry) => [entry[0], readActivity(entry)])),
    timers: new Map((row.timers ?? []).map((entry) => [entry[0], readTimer(entry)])),
    children: new Map((row.children ?? []).map(([seq, state]) => [seq, decodeChild(state)])),
    externalRequests: new Map(row.external_requests ?? []),
    messagesSent: row.messages_sent,
    retryStart: row.retry_start === null ? undefined : fromBinary(WorkflowStartedSchema, row.retry_start),
    updates: readUpdates(row.updates ?? []),
    attributes: decodeAttributes(row.attributes),
    snapshot: undefined,
    buffered: (row.buffered ?? []).map(readBuffered),
    keys,
    hasAllKeys,
    wakeupAt: row.wakeup_at ?? undefined,
  };
}

function readActivity(entry: NonNullable<RunRow["activities"]>[number]): ActivityState {
  const [, state, failure, epoch, heartbeatAt, details] = entry;
  return decodeActivity({
    state,
    lastFailure: decodeFailure(decodeBase64(failure)),
    heartbeat: epoch === null ? undefined : decodeHeartbeat(epoch, heartbeatAt, decodeBase64(details)),
  });
}

function readUpdates(found: NonNullable<RunRow["updates"]>): Map<string, UpdateState> {
  const updates = found.map(([state, request]) => decodeUpdate(state, decodeBase64(request)));
  updates.sort((a, b) => a.position - b.position);
  return new Map(updates.map((update) => [update.updateId, update]));
}

function readTimer([seq, scheduledEventId, fireAt]: [number, number, number]): TimerState {
  return { seq, scheduledEventId, fireAt };
}

function readBuffered([position, event]: [number, string]): BufferedEvent {
  return { position, event: fromBinary(HistoryEventSchema, Buffer.from(event, "base64")) };
}

function decodeBase64(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text, "base64");
}

/** Oldest first, as a transition adds them. Those of buffered events are all there, since they are still to get their event ids. */
function readKeys(row: RunRow): { keys: ReadonlyMap<string, RunKey>; hasAllKeys: boolean } {
  const found = row.keys ?? [];
  const buffered = found.filter(([, , eventId]) => eventId === null);
  const newest = found.slice(buffered.length);
  const keys = new Map<string, RunKey>();
  for (const entry of [...(row.asked_keys ?? []), ...newest.slice(0, loadedKeys).reverse(), ...buffered]) {
    const [kind, key, eventId, contentHash] = entry;
    keys.set(`${kind}:${key}`, { kind, key, eventId: eventId ?? 0, contentHash });
  }
  return { keys, hasAllKeys: newest.length <= loadedKeys };
}
