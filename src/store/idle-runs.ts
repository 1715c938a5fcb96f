/** Going through the open runs of a namespace for those that have not moved for a while. */
import type { Micros } from "../core/run-state.js";
import type { RunPosition } from "./list.js";
import type { Queryable, Statement } from "./statement.js";

/** An open run whose last event is old. */
export interface IdleRun extends RunPosition {
  readonly workflowId: string;
}

/** What one step has found. */
export interface IdleRuns {
  readonly idle: readonly IdleRun[];
  /** The last of the runs that were looked at, and where to go on. Undefined: there are no others. */
  readonly next: RunPosition | undefined;
}

/**
 * Looks at so many open runs, those that were started first coming first, and picks those without an event since a time. No index knows of events, since
 * it would make each of them dearer; but the runs that do not move are as a rule among the oldest of the open ones, and none began after that time.
 */
export async function findIdleRuns(
  q: Queryable,
  ask: {
    readonly namespaceId: string;
    readonly idleSince: Micros;
    readonly after: RunPosition | undefined;
    readonly limit: number;
  },
): Promise<IdleRuns> {
  const { startedAt, runId } = ask.after ?? { startedAt: 0, runId: nilUuid };
  const [row] = await q.query<{ idle: IdleRun[] | null; next: RunPosition | null }>(idleStatement, [
    ask.namespaceId,
    ask.idleSince,
    startedAt,
    runId,
    ask.limit,
  ]);
  return { idle: row?.idle ?? [], next: row?.next ?? undefined };
}

const nilUuid = "00000000-0000-0000-0000-000000000000";

/** Status 1 and 2: pending and running. */
const idleStatement: Statement = {
  name: "find_idle_runs",
  text: `
    with page as materialized (
      select r.*
      from unnest('{1,2}'::smallint[]) s (status)
      cross join lateral (
        select started_at, run_id, workflow_id, last_event_at
        from runs
        where namespace_id = $1::uuid and status = s.status and started_at <= $2::bigint
          and (started_at, run_id) > ($3::bigint, $4::uuid) and not is_deleting
        order by started_at, run_id
        limit $5::int
      ) r
      order by started_at, run_id
      limit $5::int
    )
    select
      (select json_agg(json_build_object('startedAt', started_at, 'runId', run_id, 'workflowId', workflow_id) order by started_at, run_id)
        from page
        where last_event_at <= $2::bigint) as idle,
      (select json_build_object('startedAt', started_at, 'runId', run_id)
        from page
        order by started_at desc, run_id desc
        limit case when (select count(*) from page) = $5::int then 1 else 0 end) as next`,
};
