/** Workers that fell silent, and the runs of which they still have something. */
import type { Micros } from "../core/run-state.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** A worker of some namespace. */
export interface WorkerKey {
  readonly namespaceId: string;
  readonly workerId: string;
}

/** Where a walk through the open runs of a namespace goes on. */
export interface RunCursor {
  readonly startedAt: Micros;
  readonly runId: string;
}

/** A run of which a worker has something. */
export interface HeldRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly workerId: string;
}

/** What one step of a walk has found. */
export interface HeldRuns {
  readonly held: readonly HeldRun[];
  /** Where to go on. Undefined: the walk is over. */
  readonly next: RunCursor | undefined;
}

/** Finds workers that were not heard of since a time and that may have something still, by namespace and id: the next ones behind a worker, all of one namespace. */
export async function findDeadWorkers(
  q: Queryable,
  ask: { readonly silentSince: Micros; readonly after: WorkerKey | undefined; readonly limit: number },
): Promise<WorkerKey[]> {
  const { namespaceId, workerId } = ask.after ?? { namespaceId: nilUuid, workerId: "" };
  return q.query<WorkerKey & object>(findStatement, [ask.silentSince, namespaceId, workerId, ask.limit]);
}

/** Goes through so many running runs of a namespace, the oldest first, and picks those of which a worker has something. */
export async function findHeldRuns(
  q: Queryable,
  ask: {
    readonly namespaceId: string;
    readonly workerIds: readonly string[];
    readonly after: RunCursor | undefined;
    readonly limit: number;
  },
): Promise<HeldRuns> {
  const { startedAt, runId } = ask.after ?? { startedAt: 0, runId: nilUuid };
  const [row] = await q.query<{ held: HeldRun[] | null; next: RunCursor | null }>(heldStatement, [
    ask.namespaceId,
    ask.workerIds,
    startedAt,
    runId,
    ask.limit,
  ]);
  return { held: row?.held ?? [], next: row?.next ?? undefined };
}

/** Notes that workers have nothing any more, unless they were heard of meanwhile. */
export async function noteReleased(
  q: Queryable,
  workers: readonly WorkerKey[],
  silentSince: Micros,
): Promise<void> {
  await q.query(noteStatement, [
    workers.map(({ namespaceId }) => namespaceId),
    workers.map(({ workerId }) => workerId),
    silentSince,
  ]);
}

const nilUuid = "00000000-0000-0000-0000-000000000000";

const findStatement: Statement = {
  name: "find_dead_workers",
  text: `
    with dead as materialized (
      select namespace_id, worker_id
      from workers
      where (namespace_id, worker_id) > ($2::uuid, $3::text) and seen_at <= $1::bigint and released_at is null
      order by namespace_id, worker_id
      limit $4::int
    )
    select namespace_id as "namespaceId", worker_id as "workerId"
    from dead
    where namespace_id = (select namespace_id from dead order by namespace_id limit 1)
    order by worker_id`,
};

/** Status 2: nobody has anything of a run that no worker has touched, or that is closed. */
const heldStatement: Statement = {
  name: "find_held_runs",
  text: `
    with page as materialized (
      select started_at, run_id, workflow_id, task_worker_id
      from runs
      where namespace_id = $1::uuid and status = 2 and (started_at, run_id) > ($3::bigint, $4::uuid)
      order by started_at, run_id
      limit $5::int
    )
    select
      (select json_agg(json_build_object('runId', p.run_id, 'workflowId', p.workflow_id, 'workerId', h.worker_id))
        from page p
        cross join lateral (
          select p.task_worker_id as worker_id
          union
          select a.lease_worker_id
          from activities a
          where a.run_id = p.run_id
        ) h
        where h.worker_id = any($2::text[])) as held,
      (select json_build_object('startedAt', started_at, 'runId', run_id)
        from page
        order by started_at desc, run_id desc
        limit case when (select count(*) from page) = $5::int then 1 else 0 end) as next`,
};

const noteStatement: Statement = {
  name: "note_released_workers",
  text: `
    with held as materialized (
      select k.namespace_id, k.worker_id
      from unnest($1::uuid[], $2::text[]) as w (namespace_id, worker_id)
      join workers k on k.namespace_id = w.namespace_id and k.worker_id = w.worker_id
      where k.seen_at <= $3::bigint and k.released_at is null
      for update of k skip locked
    )
    update workers k
    set released_at = ${nowMicros}
    from held h
    where k.namespace_id = h.namespace_id and k.worker_id = h.worker_id`,
};
