/** The text of the statement that writes a batch. */
import { betweenRunCounts, betweenRunHolds, betweenRunParts, isWon } from "./batch-between-runs.js";
import { allRunColumns, type BatchTable, batchQueries, runColumns } from "./batch-input.js";
import { addToCounts } from "./run-counts.js";
import { nowMicros } from "./statement.js";

/** In which order the writing parts stand: it must make no difference. */
export type PartOrder = "usual" | "reversed";

/**
 * The statement for rows of these tables alone: Postgres sets up every part at every execution, which costs more than what a small batch
 * writes, so parts that would have no rows are left out. $1 is the batch's id, $2 the ids of batches to forget, the rest are the rows.
 *
 * First it finds out which units hold all that they need; then everything else is written for those alone. A row that somebody else has
 * locked counts as lost, so that no batch ever waits for another. All parts see the tables as they were before the statement, and run in
 * no promised order.
 */
export function batchText(order: PartOrder, tables: readonly BatchTable[]): string {
  const queries = batchQueries(tables, 3);
  const chosen = <Part>(parts: Partial<Record<BatchTable, Part>>) =>
    tables.flatMap((table) => parts[table] ?? []);
  const inputs = tables.flatMap((table) => {
    const name = inputNames[table];
    return name === undefined ? [] : `${name} as (${queries.get(table)})`;
  });
  const deciding = [
    ...inputs,
    ...chosen(holdingParts),
    `tally as materialized (
      select unit, sum(needed) = sum(held) as is_held
      from (${["select null::int as unit, 0 as needed, 0 as held where false", ...chosen(counts)].join(" union all ")}) as wanted
      group by unit
    )`,
    tables.includes("newPointers") ? okWithNewPointers : ok,
  ];
  const writes = [forgotten, outcome];
  for (const table of tables) {
    const part = writingParts[table];
    if (part !== undefined) writes.push(part(inputNames[table] ?? `(${queries.get(table)})`));
  }
  if (order === "reversed") writes.reverse();
  return `with ${[...deciding, ...writes].join(",")}
    select array(select unit from ok order by unit) as won, ${nowMicros} as now`;
}

/** The rows that several parts read. */
const inputNames: Partial<Record<BatchTable, string>> = {
  newPointers: "new_pointer",
  movedPointers: "moving_pointer",
  newRuns: "new_run",
  changedRuns: "changed_run",
  deliveredMessages: "delivered_message",
  changedSchedules: "changed_schedule",
  usedCopies: "used_copy",
};

/** To hold: the runs by version, the pointers by the run that they name, the copies that runs begin with; messages and schedules. */
const holdingParts: Partial<Record<BatchTable, string>> = {
  ...betweenRunHolds,
  movedPointers: `
  held_pointer as materialized (
    select w.unit
    from moving_pointer w
    join workflow_ids i on i.namespace_id = w.namespace_id and i.workflow_id = w.workflow_id and i.run_id = w.expected
    for update of i skip locked
  )`,
  changedRuns: `
  held_run as materialized (
    select w.unit
    from changed_run w
    join runs r on r.run_id = w.run_id and r.version = w.expected_version
    for update of r skip locked
  )`,
  usedCopies: `
  held_copy as materialized (
    select w.unit
    from used_copy w
    join history_copies c on c.run_id = w.run_id and not c.is_abandoned
    for update of c skip locked
  )`,
};

/**
 * What units need and what they hold of it; for new runs that is a namespace that takes starts. The part that finds nothing is there for the lock that
 * Postgres takes on the table before it looks what the tables are like: it tells the deletion of a namespace that a start is under way, and costs no row
 * a write.
 */
const counts: Partial<Record<BatchTable, string>> = {
  ...betweenRunCounts,
  movedPointers: `
    select unit, 1, 0 from moving_pointer
    union all
    select unit, 0, 1 from held_pointer`,
  newRuns: `
    select unit, 1, 0 from new_run
    union all
    select w.unit, 0, 1 from new_run w join namespaces n on n.namespace_id = w.namespace_id where n.state = 1
    union all
    select null, 0, 0 from (select from namespaces where false for key share) as under_way`,
  changedRuns: `
    select unit, 1, 0 from changed_run
    union all
    select unit, 0, 1 from held_run`,
  usedCopies: `
    select unit, 1, 0 from used_copy
    union all
    select unit, 0, 1 from held_copy`,
};

const ok = `
  ok as materialized (
    select unit
    from tally
    where is_held
  )`;

/**
 * Locking the id first is what "skip locked" is for a row that does not exist yet: without it the insert would wait for another server's
 * batch while holding rows that others want.
 */
const okWithNewPointers = `
  due_pointer as materialized (
    select *
    from new_pointer
    where (unit in (select unit from tally where is_held)) is true
  ),
  made_pointer as (
    insert into workflow_ids (namespace_id, workflow_id, run_id, start_request_id, request_hash)
    select namespace_id, workflow_id, run_id, start_request_id, request_hash
    from due_pointer
    where pg_try_advisory_xact_lock(hashtextextended(namespace_id::text || workflow_id, 0))
    order by namespace_id, workflow_id
    on conflict do nothing
    returning run_id
  ),
  ok as materialized (
    select unit
    from tally
    where is_held
      and (unit in (select unit from new_pointer)) is not true
    union all
    select unit
    from due_pointer
    where (run_id in (select run_id from made_pointer)) is true
  )`;

const assign = (source: string) =>
  Object.keys(runColumns)
    .map((column) => `${column} = ${source}.${column}`)
    .join(", ");

const forgotten = `
  forgotten as (
    delete from batches
    where batch_id = any($2::uuid[])
  )`;

const outcome = `
  outcome as (
    insert into batches (batch_id, won_units, created_at)
    select $1::uuid, array(select unit from ok), ${nowMicros}
  )`;

/** What is written for the units that won, given where its rows are. */
const writingParts: Partial<Record<BatchTable, (rows: string) => string>> = {
  movedPointers: (rows) => `
  moved_pointer as (
    update workflow_ids i
    set run_id = w.run_id, start_request_id = w.start_request_id, request_hash = w.request_hash
    from ${rows} w
    where i.namespace_id = w.namespace_id and i.workflow_id = w.workflow_id
      and ${isWon("w")}
  )`,
  newRuns: (rows) => `
  begun_run as (
    insert into runs (${allRunColumns})
    select ${allRunColumns}
    from ${rows} w
    where ${isWon("w")}
  )`,
  changedRuns: (rows) => `
  written_run as (
    update runs r
    set ${assign("w")}, settings = coalesce(w.settings, r.settings), parent_run_id = coalesce(w.parent_run_id, r.parent_run_id)
    from ${rows} w
    where r.run_id = w.run_id
      and ${isWon("w")}
  )`,
  statusChanges: (rows) => `
  counted_run as (${addToCounts(`select * from ${rows} w where ${isWon("w")}`)})`,
  usedCopies: (rows) => `
  gone_copy as (
    delete from history_copies c
    using ${rows} w
    where c.run_id = w.run_id
      and ${isWon("w")}
  )`,
  history: (rows) => `
  written_history as (
    insert into history (run_id, first_event_id, last_event_id, codec, events)
    select run_id, first_event_id, last_event_id, 0, events
    from ${rows} w
    where ${isWon("w")}
  )`,
  putActivities: (rows) => `
  put_activity as (
    insert into activities (run_id, seq, state, last_failure, task_queue, lease_epoch, lease_worker_id, is_cancel_requested)
    select run_id, seq, state, last_failure, task_queue, lease_epoch, lease_worker_id, is_cancel_requested
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id, seq) do update
    set state = excluded.state, last_failure = excluded.last_failure, lease_epoch = excluded.lease_epoch,
      lease_worker_id = excluded.lease_worker_id, is_cancel_requested = excluded.is_cancel_requested
  )`,
  goneActivities: (rows) => `
  gone_activity as (
    delete from activities a
    using ${rows} w
    where a.run_id = w.run_id and a.seq = w.seq
      and ${isWon("w")}
  )`,
  putTimers: (rows) => `
  put_timer as (
    insert into timers (run_id, seq, scheduled_event_id, fire_at)
    select run_id, seq, scheduled_event_id, fire_at
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id, seq) do update
    set scheduled_event_id = excluded.scheduled_event_id, fire_at = excluded.fire_at
  )`,
  goneTimers: (rows) => `
  gone_timer as (
    delete from timers t
    using ${rows} w
    where t.run_id = w.run_id and t.seq = w.seq
      and ${isWon("w")}
  )`,
  putChildren: (rows) => `
  put_child as (
    insert into children (run_id, seq, state)
    select run_id, seq, state
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id, seq) do update
    set state = excluded.state
  )`,
  goneChildren: (rows) => `
  gone_child as (
    delete from children c
    using ${rows} w
    where c.run_id = w.run_id and c.seq = w.seq
      and ${isWon("w")}
  )`,
  putExternalRequests: (rows) => `
  put_external_request as (
    insert into external_requests (run_id, seq, state)
    select run_id, seq, state
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id, seq) do update
    set state = excluded.state
  )`,
  goneExternalRequests: (rows) => `
  gone_external_request as (
    delete from external_requests e
    using ${rows} w
    where e.run_id = w.run_id and e.seq = w.seq
      and ${isWon("w")}
  )`,
  ...betweenRunParts,
  putBuffered: (rows) => `
  put_buffered as (
    insert into buffered_events (run_id, position, event)
    select run_id, position, event
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id, position) do update
    set event = excluded.event
  )`,
  goneBuffered: (rows) => `
  gone_buffered as (
    delete from buffered_events b
    using ${rows} w
    where b.run_id = w.run_id and b.position = w.position
      and ${isWon("w")}
  )`,
  putKeys: (rows) => `
  put_key as (
    insert into run_keys (run_id, kind, key, event_id, content_hash)
    select run_id, kind, key, event_id, content_hash
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id, kind, key) do update
    set event_id = excluded.event_id, content_hash = excluded.content_hash
  )`,
  putAttributes: (rows) => `
  put_attributes as (
    insert into run_attributes (run_id, attributes)
    select run_id, attributes
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id) do update
    set attributes = excluded.attributes
  )`,
  putSearchAttributes: (rows) => `
  put_search_attribute as (
    insert into search_attributes (namespace_id, name, value, started_at, run_id)
    select namespace_id, name, value, started_at, run_id
    from ${rows} w
    where ${isWon("w")}
    on conflict do nothing
  )`,
  goneSearchAttributes: (rows) => `
  gone_search_attribute as (
    delete from search_attributes s
    using ${rows} w
    where s.namespace_id = w.namespace_id and s.name = w.name and s.value = w.value and s.started_at = w.started_at
      and s.run_id = w.run_id
      and ${isWon("w")}
  )`,
  putSnapshots: (rows) => `
  put_snapshot as (
    insert into snapshots (run_id, as_of_event_id, state)
    select run_id, as_of_event_id, state
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id) do update
    set as_of_event_id = excluded.as_of_event_id, state = excluded.state
  )`,
  putUpdates: (rows) => `
  put_update as (
    insert into updates (run_id, update_id, state, request, rejection)
    select run_id, update_id, state, request, rejection
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id, update_id) do update
    set state = excluded.state, request = excluded.request, rejection = excluded.rejection
  )`,
  goneUpdates: (rows) => `
  gone_update as (
    delete from updates u
    using ${rows} w
    where u.run_id = w.run_id and u.update_id = w.update_id
      and ${isWon("w")}
  )`,
  putWakeups: (rows) => `
  put_wakeup as (
    insert into wakeups (run_id, due_at)
    select run_id, due_at
    from ${rows} w
    where ${isWon("w")}
    on conflict (run_id) do update
    set due_at = excluded.due_at
  )`,
  goneWakeups: (rows) => `
  gone_wakeup as (
    delete from wakeups u
    using ${rows} w
    where u.run_id = w.run_id
      and ${isWon("w")}
  )`,
  putReady: (rows) => `
  put_ready as (
    insert into ready_tasks (namespace_id, kind, task_queue, type, priority, position, run_id, seq, workflow_id)
    select namespace_id, kind, task_queue, type, priority, position, run_id, seq, workflow_id
    from ${rows} w
    where ${isWon("w")}
    on conflict (namespace_id, kind, task_queue, type, priority, position, run_id, seq) do update
    set claimed_until = 0
  )`,
  goneReady: (rows) => `
  gone_ready as (
    delete from ready_tasks t
    using ${rows} w
    where t.namespace_id = w.namespace_id and t.kind = w.kind and t.task_queue = w.task_queue and t.type = w.type
      and t.priority = w.priority and t.position = w.position and t.run_id = w.run_id and t.seq = w.seq
      and ${isWon("w")}
  )`,
};
