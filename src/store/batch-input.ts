/** What a batch hands to its statement: the columns of each kind of row. */
import type { BatchRows } from "./batch-rows.js";
import { type Columns, columnArrays, unnested } from "./input.js";

type RowOf<Name extends keyof BatchRows> = BatchRows[Name][number];
type Run = RowOf<"newRuns"> | RowOf<"changedRuns">;

/** What changes as a run goes on; in the order of the table. */
export const runColumns = {
  version: ["bigint", (row) => row.state.version],
  status: ["smallint", (row) => row.state.status],
  next_event_id: ["int", (row) => row.state.nextEventId],
  history_bytes: ["bigint", (row) => row.state.historyBytes],
  last_event_at: ["bigint", (row) => row.state.lastEventAt],
  closed_at: ["bigint", (row) => row.state.closedAt],
  cancel_requested_event_id: ["int", (row) => row.state.cancelRequestedEventId],
  last_outside_event_id: ["int", (row) => row.state.lastOutsideEventId],
  last_seq: ["int", (row) => row.state.lastSeq],
  task_epoch: ["int", (row) => row.state.taskEpoch],
  previous_started_event_id: ["int", (row) => row.state.previousStartedEventId],
  last_closed_task_epoch: ["int", (row) => row.state.lastClosedTaskEpoch],
  sticky_worker_id: ["text", (row) => row.state.stickyWorkerId],
  sticky_event_id: ["int", (row) => row.state.stickyEventId],
  messages_sent: ["int", (row) => row.state.messagesSent],
  task_worker_id: ["text", (row) => row.state.workflowTask?.lease?.workerId],
  workflow_task: ["json", (row) => row.columns.workflowTask],
  workflow_task_failure: ["bytea", (row) => row.columns.workflowTaskFailure],
} satisfies Columns<Run>;

/** What is fixed when a run begins. */
const fixedRunColumns = {
  run_id: ["uuid", (row) => row.state.runId],
  namespace_id: ["uuid", (row) => row.state.namespaceId],
  workflow_id: ["text", (row) => row.state.workflowId],
  workflow_type: ["text", (row) => row.state.workflowType],
  task_queue: ["text", (row) => row.state.taskQueue],
  started_at: ["bigint", (row) => row.state.startedAt],
  settings: ["json", (row) => row.settings],
  parent_run_id: ["uuid", (row) => parentRunId(row)],
  retry_start: ["bytea", (row) => row.retryStart],
} satisfies Columns<RowOf<"newRuns">>;

/** The names of all of them. */
export const allRunColumns = [...Object.keys(fixedRunColumns), ...Object.keys(runColumns)].join(", ");

/** The run of the parent that has it. */
function parentRunId({ state: { settings } }: { state: Run["state"] }): string | undefined {
  return settings.parent?.ownerRunId ?? settings.parent?.runId;
}

const unit = ["int", (row: { unit: number }) => row.unit] as const;
const runId = ["uuid", (row: { runId: string }) => row.runId] as const;
const seq = ["int", (row: { seq: number }) => row.seq] as const;

const messageKey = {
  unit,
  sender_run_id: ["uuid", (row: { senderRunId: string }) => row.senderRunId] as const,
  number: ["int", (row: { number: number }) => row.number] as const,
};

const readyColumns = {
  unit,
  namespace_id: ["uuid", (row) => row.namespaceId],
  kind: ["smallint", (row) => row.kind],
  task_queue: ["text", (row) => row.taskQueue],
  type: ["text", (row) => row.type],
  priority: ["int", (row) => row.priority],
  position: ["bigint", (row) => row.position],
  run_id: runId,
  seq,
  workflow_id: ["text", (row) => row.workflowId],
} satisfies Columns<RowOf<"putReady">>;

const searchColumns = {
  unit,
  namespace_id: ["uuid", (row) => row.namespaceId],
  name: ["text", (row) => row.name],
  value: ["text", (row) => row.value],
  started_at: ["bigint", (row) => row.startedAt],
  run_id: runId,
} satisfies Columns<RowOf<"putSearchAttributes">>;

const pointerColumns = {
  unit,
  namespace_id: ["uuid", (row) => row.namespaceId],
  workflow_id: ["text", (row) => row.workflowId],
  run_id: runId,
  start_request_id: ["text", (row) => row.startRequestId],
  request_hash: ["text", (row) => row.requestHash],
} satisfies Columns<RowOf<"newPointers">>;

const columns: { readonly [Name in keyof BatchRows]: Columns<RowOf<Name>> } = {
  newPointers: pointerColumns,
  movedPointers: { ...pointerColumns, expected: ["uuid", (row) => row.expected] },
  newRuns: { unit, ...fixedRunColumns, ...runColumns },
  changedRuns: {
    unit,
    run_id: ["uuid", (row) => row.state.runId],
    expected_version: ["bigint", (row) => row.expectedVersion],
    settings: ["json", (row) => row.settings],
    parent_run_id: ["uuid", (row) => (row.settings === undefined ? undefined : parentRunId(row))],
    ...runColumns,
  },
  statusChanges: {
    unit,
    namespace_id: ["uuid", (row) => row.namespaceId],
    status: ["smallint", (row) => row.status],
    change: ["int", (row) => row.change],
  },
  usedCopies: { unit, run_id: runId },
  history: {
    unit,
    run_id: runId,
    first_event_id: ["int", (row) => row.firstEventId],
    last_event_id: ["int", (row) => row.lastEventId],
    events: ["bytea", (row) => row.events],
  },
  putActivities: {
    unit,
    run_id: runId,
    seq,
    state: ["json", (row) => row.state],
    last_failure: ["bytea", (row) => row.lastFailure],
    task_queue: ["text", (row) => row.taskQueue],
    lease_epoch: ["int", (row) => row.leaseEpoch],
    lease_worker_id: ["text", (row) => row.leaseWorkerId],
    is_cancel_requested: ["boolean", (row) => row.isCancelRequested],
  },
  goneActivities: { unit, run_id: runId, seq },
  putTimers: {
    unit,
    run_id: runId,
    seq,
    scheduled_event_id: ["int", (row) => row.scheduledEventId],
    fire_at: ["bigint", (row) => row.fireAt],
  },
  goneTimers: { unit, run_id: runId, seq },
  putChildren: { unit, run_id: runId, seq, state: ["json", (row) => row.state] },
  goneChildren: { unit, run_id: runId, seq },
  putExternalRequests: { unit, run_id: runId, seq, state: ["json", (row) => row.state] },
  goneExternalRequests: { unit, run_id: runId, seq },
  sentMessages: {
    ...messageKey,
    receiver_namespace_id: ["uuid", ({ message }) => message.receiver.namespaceId],
    receiver_workflow_id: ["text", ({ message }) => message.receiver.workflowId],
    receiver_run_id: ["uuid", ({ message }) => message.receiver.runId || undefined],
    is_for_schedule: ["boolean", ({ message }) => message.receiver.isSchedule === true],
    sender: ["json", (row) => row.sender],
    sent_at: ["bigint", ({ message }) => message.sentAt],
    event: ["bytea", (row) => row.event],
  },
  deliveredMessages: messageKey,
  changedSchedules: {
    unit,
    namespace_id: ["uuid", (row) => row.state.namespaceId],
    schedule_id: ["text", (row) => row.state.scheduleId],
    expected_version: ["bigint", (row) => row.expectedVersion],
    version: ["bigint", (row) => row.state.version],
    progress: ["json", (row) => row.progress],
    last_result: ["bytea", (row) => row.lastResult],
    next_fire_at: ["bigint", (row) => row.state.nextFireAt],
  },
  madeScheduleRequests: {
    unit,
    namespace_id: ["uuid", (row) => row.namespaceId],
    request_id: ["text", (row) => row.requestId],
    content_hash: ["text", (row) => row.contentHash],
    answer: ["json", (row) => row.answer],
    made_at: ["bigint", (row) => row.madeAt],
  },
  putBuffered: {
    unit,
    run_id: runId,
    position: ["int", (row) => row.position],
    event: ["bytea", (row) => row.event],
  },
  goneBuffered: { unit, run_id: runId, position: ["int", (row) => row.position] },
  putKeys: {
    unit,
    run_id: runId,
    kind: ["text", (row) => row.kind],
    key: ["text", (row) => row.key],
    event_id: ["int", (row) => row.eventId],
    content_hash: ["text", (row) => row.contentHash],
  },
  putAttributes: { unit, run_id: runId, attributes: ["bytea", (row) => row.attributes] },
  putSearchAttributes: searchColumns,
  goneSearchAttributes: searchColumns,
  putSnapshots: {
    unit,
    run_id: runId,
    as_of_event_id: ["int", (row) => row.asOfEventId],
    state: ["bytea", (row) => row.state],
  },
  putUpdates: {
    unit,
    run_id: runId,
    update_id: ["text", (row) => row.updateId],
    state: ["json", (row) => row.state],
    request: ["bytea", (row) => row.request],
    rejection: ["bytea", (row) => row.rejection],
  },
  goneUpdates: { unit, run_id: runId, update_id: ["text", (row) => row.updateId] },
  putWakeups: { unit, run_id: runId, due_at: ["bigint", (row) => row.dueAt] },
  goneWakeups: { unit, run_id: runId },
  putReady: readyColumns,
  goneReady: readyColumns,
};

/** A kind of row. */
export type BatchTable = keyof BatchRows;

/** All kinds, in the order of their parameters. */
export const batchTables = Object.keys(columns) as readonly BatchTable[];

/** The rows of these kinds as queries over parameters, the first of which has this number. */
export function batchQueries(tables: readonly BatchTable[], first: number): ReadonlyMap<BatchTable, string> {
  let next = first;
  const queries = tables.map((name) => {
    const table = unnested(tableName(name), columns[name], next);
    next += Object.keys(columns[name]).length;
    return [name, `select * from ${table}`] as const;
  });
  return new Map(queries);
}

/** The parameters that `batchQueries` numbers. */
export function batchParameters(tables: readonly BatchTable[], rows: BatchRows): unknown[] {
  return tables.flatMap((name) => arraysOf(name, rows));
}

function arraysOf<Name extends BatchTable>(name: Name, rows: BatchRows): unknown[] {
  const its: Columns<RowOf<Name>> = columns[name];
  const list: readonly RowOf<Name>[] = rows[name];
  return columnArrays(its, list);
}

function tableName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
