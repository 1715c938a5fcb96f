/** Deleting closed runs: first a run's own row, by which everybody finds it; then, in steps that any server may take, what hangs on it. */
import { lockWorkflow, lockWorkflowId } from "./lock.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** A run that is to be deleted. */
export interface DoomedRun {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId: string;
}

/**
 * Takes a closed run away, within a transaction. If it was the current one of its workflow id, the newest that is left is current from now on. What
 * hangs on the run is left to `clearDeletions`. False: there is no such run, or it is open.
 *
 * The locks make the choice of the newest one right while other runs of the id are deleted, and keep starts, which pass by what is locked, from waiting.
 */
export async function deleteRun(tx: Queryable, run: DoomedRun): Promise<boolean> {
  await lockWorkflowId(tx, run);
  await lockWorkflow(tx, run);
  const [gone] = await tx.query(deleteStatement, [run.namespaceId, run.workflowId, run.runId]);
  return gone !== undefined;
}

/** How much one step removes. */
export interface ClearAsk {
  readonly maxRuns: number;
  /** Rows of one run in one table. */
  readonly maxRows: number;
}

/** Removes so much of what hangs on deleted runs. Answers whether there may be more. */
export async function clearDeletions(q: Queryable, { maxRuns, maxRows }: ClearAsk): Promise<boolean> {
  const [row] = await q.query<{ taken: number; left: number }>(clearStatement, [maxRuns, maxRows]);
  return row !== undefined && (row.taken === maxRuns || row.left > 0);
}

const isOfId = "namespace_id = $1::uuid and workflow_id = $2::text";

/** An older run is as if it had been started without a request id: its own was forgotten with the next start. */
const deleteStatement: Statement = {
  name: "delete_run",
  text: `
    with gone as (
      delete from runs
      where run_id = $3::uuid and ${isOfId} and status >= 3
      returning run_id
    ),
    noted as (
      insert into deletions (run_id, deleted_at)
      select run_id, ${nowMicros}
      from gone
    ),
    heir as materialized (
      select run_id
      from runs
      where ${isOfId} and run_id <> $3::uuid
      order by started_at desc, run_id desc
      limit 1
    ),
    moved_pointer as (
      update workflow_ids
      set run_id = (select run_id from heir), start_request_id = '', request_hash = ''
      where ${isOfId} and run_id = $3::uuid and exists (select from gone) and exists (select from heir)
    ),
    gone_pointer as (
      delete from workflow_ids
      where ${isOfId} and run_id = $3::uuid and exists (select from gone) and not exists (select from heir)
    )
    select run_id
    from gone`,
};

/** Tables that may have any number of rows of a run, with the rest of their key. */
const longTables = {
  history: "first_event_id",
  run_keys: "kind, key",
  updates: "update_id",
  appended_commands: "task_epoch, position",
};

/**
 * Tables with few rows of a run. Of a closed run most have none, since the batch that closed it took them away. Messages that it sent stay: they are for
 * others. Its ready tasks went when they were ended, and are not to be found by run.
 */
const shortTables = [
  "run_attributes",
  "search_attributes",
  "snapshots",
  "activities",
  "activity_heartbeats",
  "timers",
  "children",
  "external_requests",
  "buffered_events",
  "wakeups",
];

const longParts = Object.entries(longTables).map(
  ([table, key]) => `
    gone_${table} as (
      delete from ${table}
      where (run_id, ${key}) in (
        select r.run_id, ${key}
        from doomed d
        cross join lateral (
          select run_id, ${key}
          from ${table}
          where run_id = d.run_id
          order by ${key}
          limit $2::int
        ) r
      )
      returning run_id
    )`,
);

const shortParts = shortTables.map(
  (table) => `
    gone_${table} as (
      delete from ${table}
      where run_id in (select run_id from doomed)
    )`,
);

/** Of a table from which as many rows went as may go in one step, there may be more. */
const unfinished = Object.keys(longTables)
  .map((table) => `select run_id from gone_${table} group by run_id having count(*) >= $2::int`)
  .join(" union ");

const clearStatement: Statement = {
  name: "clear_deletions",
  text: `
    with doomed as materialized (
      select run_id
      from deletions
      order by run_id
      limit $1::int
      for update skip locked
    ),${[...longParts, ...shortParts].join(",")},
    unfinished as materialized (${unfinished}),
    finished as (
      delete from deletions
      where run_id in (select run_id from doomed except select run_id from unfinished)
    )
    select (select count(*) from doomed)::int as taken, (select count(*) from unfinished)::int as left`,
};
