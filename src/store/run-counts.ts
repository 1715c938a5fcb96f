/** How many runs a namespace has of each status: kept with every write, so that it is known without counting. */
import type { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type { Queryable, Statement } from "./statement.js";

/** Runs of one status. */
export interface StatusCountRow {
  readonly status: WorkflowStatus;
  readonly count: number;
}

/** Counts the runs of a namespace by status; statuses with none are left out. */
export async function countRuns(
  q: Queryable,
  namespaceId: string,
  statuses: readonly WorkflowStatus[],
): Promise<StatusCountRow[]> {
  return q.query<StatusCountRow>(countStatement, [namespaceId, statuses]);
}

/** The first of the two numbers by which the locks of slots are known, which nothing else uses. */
const slotLocks = 1_886_615_404;

/** A slot that no other transaction has at the same time: its lock goes when what was written there is to be seen by all. */
const freeSlot = `(
      select slot
      from (select generate_series(1, 100000) as slot) as slots
      where pg_try_advisory_xact_lock(${slotLocks}, slot)
      limit 1
    )`;

/** Adds the changes (namespace_id, status, change) that a query gives, as a part of a statement which makes them true. */
export function addToCounts(changes: string): string {
  return `
    insert into run_counts as c (namespace_id, status, slot, n)
    select namespace_id, status, ${freeSlot}, sum(change)
    from (${changes}) as changes
    group by namespace_id, status
    having sum(change) <> 0
    on conflict (namespace_id, status, slot) do update
    set n = c.n + excluded.n`;
}

const countStatement: Statement = {
  name: "count_runs",
  text: `
    select status, sum(n)::bigint as count
    from run_counts
    where namespace_id = $1::uuid and status = any($2::smallint[])
    group by status
    having sum(n) <> 0
    order by status`,
};
