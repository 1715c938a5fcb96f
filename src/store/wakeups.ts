/** When runs must be looked at. */
import type { Micros } from "../core/run-state.js";
import type { Queryable, Statement } from "./statement.js";

/** A run that is due. */
export interface DueWakeup {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly dueAt: Micros;
}

/** What is due, and what comes after it. */
export interface DueWakeups {
  /** The earliest first. */
  readonly runs: DueWakeup[];
  /** When the next one is due that is not due by the time asked for; undefined if there is none. */
  readonly nextAt: Micros | undefined;
}

/** Finds the runs that are due by a time. */
export async function dueWakeups(q: Queryable, before: Micros, limit: number): Promise<DueWakeups> {
  const [row] = await q.query<{ runs: DueWakeup[] | null; next_at: Micros | null }>(dueStatement, [
    before,
    limit,
  ]);
  return { runs: row?.runs ?? [], nextAt: row?.next_at ?? undefined };
}

const dueStatement: Statement = {
  name: "due_wakeups",
  text: `
    select
      (select json_agg(json_build_object(
          'namespaceId', r.namespace_id, 'workflowId', r.workflow_id, 'runId', r.run_id, 'dueAt', d.due_at)
          order by d.due_at)
        from (
          select run_id, due_at
          from wakeups
          where due_at <= $1::bigint
          order by due_at, run_id
          limit $2::int
        ) d
        join runs r on r.run_id = d.run_id) as runs,
      (select due_at
        from wakeups
        where due_at > $1::bigint
        order by due_at
        limit 1) as next_at`,
};
