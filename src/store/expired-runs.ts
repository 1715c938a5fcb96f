/** Closed runs that are not kept any longer. */
import type { Micros } from "../core/run-state.js";
import { type DoomedRun, deleteHeldRuns } from "./deletions.js";
import type { Queryable, Statement } from "./statement.js";

/** A namespace, and the time before which its runs must have closed to be removed. */
export interface Expiry {
  readonly namespaceId: string;
  readonly name: string;
  /** It is being deleted: all its runs go, and it goes with the last. */
  readonly isDeleting: boolean;
  readonly closedUntil: Micros;
  /** How long its oldest run is still kept, in microseconds: not above 0 if it is to go. Null: it has no closed run. */
  readonly keptFor: Micros | null;
}

/** Namespaces whose runs are to be removed next, those with the longest overdue first. */
export async function findExpiries(
  q: Queryable,
  { now, limit }: { readonly now: Micros; readonly limit: number },
): Promise<Expiry[]> {
  return q.query<Expiry>(findStatement, [now, limit]);
}

/**
 * Takes closed runs of namespaces away, within a transaction: of each so many at the most, the oldest first. Runs and ids that others hold are left for
 * another time, so it waits for nobody; the locks are those of `deleteRun`, for the same reasons.
 */
export async function deleteExpired(
  tx: Queryable,
  expiries: readonly Expiry[],
  maxRuns: number,
): Promise<DoomedRun[]> {
  const held = await tx.query<DoomedRun>(holdStatement, [
    expiries.map(({ namespaceId }) => namespaceId),
    expiries.map(({ closedUntil }) => closedUntil),
    maxRuns,
  ]);
  if (held.length === 0) return [];
  const free = await tx.query<DoomedRun>(holdPointersStatement, [
    held.map((run) => run.namespaceId),
    held.map((run) => run.workflowId),
    held.map((run) => run.runId),
  ]);
  return free.length === 0 ? [] : deleteHeldRuns(tx, free);
}

/** Behind every time. */
const never = "9007199254740991";

const findStatement: Statement = {
  name: "find_expiries",
  text: `
    select n.namespace_id as "namespaceId", n.name, n.state = 2 as "isDeleting", u.closed_until as "closedUntil",
      r.closed_at - u.closed_until as "keptFor"
    from namespaces n
    cross join lateral (
      select case n.state when 2 then ${never} else $1::bigint - n.retention_ms * 1000 end as closed_until
    ) u
    left join lateral (
      select closed_at
      from runs
      where namespace_id = n.namespace_id and closed_at is not null
      order by closed_at
      limit 1
    ) r on true
    where r.closed_at is not null or n.state = 2
    order by r.closed_at - u.closed_until nulls first, n.namespace_id
    limit $2::int`,
};

const holdStatement: Statement = {
  name: "hold_expired_runs",
  text: `
    with due as materialized (
      select r.namespace_id, r.workflow_id, r.run_id
      from unnest($1::uuid[], $2::bigint[]) as e (namespace_id, closed_until)
      cross join lateral (
        select namespace_id, workflow_id, run_id
        from runs
        where namespace_id = e.namespace_id and closed_at <= e.closed_until
        order by closed_at
        limit $3::int
        for update skip locked
      ) r
    )
    select namespace_id as "namespaceId", workflow_id as "workflowId", run_id as "runId"
    from due
    where pg_try_advisory_xact_lock(hashtextextended(namespace_id::text || workflow_id, 0))`,
};

/** Only from here on is it certain which run is the current one of an id: whoever was about to change that had its lock, or has the row's. */
const holdPointersStatement: Statement = {
  name: "hold_expired_pointers",
  text: `
    with wanted as materialized (
      select *
      from unnest($1::uuid[], $2::text[], $3::uuid[]) as w (namespace_id, workflow_id, run_id)
    ),
    held as materialized (
      select i.run_id
      from wanted w
      join workflow_ids i on i.namespace_id = w.namespace_id and i.workflow_id = w.workflow_id and i.run_id = w.run_id
      for update of i skip locked
    )
    select w.namespace_id as "namespaceId", w.workflow_id as "workflowId", w.run_id as "runId"
    from wanted w
    left join workflow_ids i on i.namespace_id = w.namespace_id and i.workflow_id = w.workflow_id
    where i.run_id is distinct from w.run_id or (w.run_id in (select run_id from held)) is true`,
};
