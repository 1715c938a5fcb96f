/** Deleting namespaces: first nothing starts in one any more; when all that was in it has gone, so does its row. */
import type { Queryable, Statement } from "./statement.js";

/**
 * Lets nothing start in any namespace until the transaction ends, so that what it finds then stays as it is: whatever starts runs or makes schedules has
 * a lock on the table for shares of rows, and either was committed before or sees what this transaction has done. Who only reads the table is not in the
 * way, be it for hours as a backup. Gives up soon, since all starts wait as long as it does.
 */
export async function holdStarts(tx: Queryable): Promise<void> {
  await tx.query(waitStatement, []);
  await tx.query(holdStatement, []);
}

/** Whether a namespace has an open run. */
export async function hasOpenRun(q: Queryable, namespaceId: string): Promise<boolean> {
  const [found] = await q.query(openRunStatement, [namespaceId]);
  return found !== undefined;
}

/** From now on nothing starts in a namespace. False: it is being deleted already, or gone. */
export async function beginDeletion(tx: Queryable, namespaceId: string): Promise<boolean> {
  const [begun] = await tx.query(beginStatement, [namespaceId]);
  return begun !== undefined;
}

/** Removes a namespace that is being deleted and has no runs any more: its workers, so many at a time, and with the last of them the rest. */
export async function eraseNamespace(
  q: Queryable,
  namespaceId: string,
  maxWorkers: number,
): Promise<"gone" | "left"> {
  const [gone] = await q.query(eraseStatement, [namespaceId, maxWorkers]);
  return gone === undefined ? "left" : "gone";
}

const waitStatement: Statement = {
  name: "wait_for_starts",
  text: "select set_config('lock_timeout', '500', true)",
};

const holdStatement: Statement = {
  name: "hold_starts",
  text: "lock table namespaces in exclusive mode",
};

const openRunStatement: Statement = {
  name: "has_open_run",
  text: `
    select 1 as found
    from runs
    where namespace_id = $1::uuid and status in (1, 2)
    limit 1`,
};

const beginStatement: Statement = {
  name: "begin_namespace_deletion",
  text: `
    update namespaces
    set state = 2
    where namespace_id = $1::uuid and state = 1
    returning 1 as begun`,
};

const eraseStatement: Statement = {
  name: "erase_namespace",
  text: `
    with empty as materialized (
      select namespace_id
      from namespaces
      where namespace_id = $1::uuid and state = 2
        and not exists (select from runs where namespace_id = $1::uuid)
        and not exists (select from deletions where namespace_id = $1::uuid)
      for update skip locked
    ),
    gone_worker as (
      delete from workers
      where (namespace_id, worker_id) in (
        select w.namespace_id, w.worker_id
        from empty e
        join workers w on w.namespace_id = e.namespace_id
        order by w.worker_id
        limit $2::int
      )
      returning 1
    ),
    last as materialized (
      select namespace_id
      from empty
      where (select count(*) from gone_worker) < $2::int
    ),
    gone_count as (
      delete from run_counts
      where namespace_id in (select namespace_id from last)
    ),
    gone_request as (
      delete from schedule_requests
      where namespace_id in (select namespace_id from last)
    )
    delete from namespaces
    where namespace_id in (select namespace_id from last)
    returning 1 as gone`,
};
