/** Deleting closed runs: first a run's own row, by which everybody finds it; then, in steps that any server may take, what hangs on it. */
import { lockWorkflow, lockWorkflowId } from "./lock.js";
import { addToCounts } from "./run-counts.js";
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
  return (await deleteHeldRuns(tx, [run])).length > 0;
}

/** Takes closed runs away whose ids and pointers the transaction holds. Answers which of them were there, and closed. */
export async function deleteHeldRuns(tx: Queryable, runs: readonly DoomedRun[]): Promise<DoomedRun[]> {
  return tx.query<DoomedRun>(deleteStatement, [
    runs.map((run) => run.namespaceId),
    runs.map((run) => run.workflowId),
    runs.map((run) => run.runId),
  ]);
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

/** An older run is as if it had been started without a request id: its own was forgotten with the next start. */
const deleteStatement: Statement = {
  name: "delete_runs",
  text: `
    with doomed as materialized (
      select *
      from unnest($1::uuid[], $2::text[], $3::uuid[]) as d (namespace_id, workflow_id, run_id)
    ),
    gone as (
      delete from runs r
      using doomed d
      where r.run_id = d.run_id and r.namespace_id = d.namespace_id and r.workflow_id = d.workflow_id and r.status >= 3
      returning r.run_id, r.namespace_id, r.workflow_id, r.status
    ),
    noted as (
      insert into deletions (run_id, namespace_id, deleted_at)
      select run_id, namespace_id, ${nowMicros}
      from gone
    ),
    counted as (${addToCounts("select namespace_id, status, -1 as change from gone")}
    ),
    orphaned as materialized (
      select g.*, (
        select r.run_id
        from runs r
        where r.namespace_id = g.namespace_id and r.workflow_id = g.workflow_id and r.run_id not in (select run_id from gone)
        order by r.started_at desc, r.run_id desc
        limit 1
      ) as heir
      from gone g
      join workflow_ids i on i.namespace_id = g.namespace_id and i.workflow_id = g.workflow_id and i.run_id = g.run_id
    ),
    moved_pointer as (
      update workflow_ids i
      set run_id = o.heir, start_request_id = '', request_hash = ''
      from orphaned o
      where i.namespace_id = o.namespace_id and i.workflow_id = o.workflow_id and i.run_id = o.run_id and o.heir is not null
    ),
    gone_pointer as (
      delete from workflow_ids i
      using orphaned o
      where i.namespace_id = o.namespace_id and i.workflow_id = o.workflow_id and i.run_id = o.run_id and o.heir is null
    )
    select run_id as "runId", namespace_id as "namespaceId", workflow_id as "workflowId"
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
