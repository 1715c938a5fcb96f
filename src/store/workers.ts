/** The registered workers. */
import type { Micros } from "../core/run-state.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** A worker. */
export interface WorkerRow {
  readonly namespaceId: string;
  readonly workerId: string;
  /** Bytes of its WorkerSpec. */
  readonly spec: Uint8Array;
  readonly isDraining: boolean;
  readonly registeredAt: Micros;
  /** When it was last heard of. */
  readonly seenAt: Micros;
  readonly workflowTasks: number;
  readonly activityTasks: number;
}

/** A worker to register. */
export interface NewWorker extends Pick<WorkerRow, "namespaceId" | "workerId" | "spec"> {
  readonly taskQueues: readonly string[];
  readonly at: Micros;
}

/** A sign of life of a worker. */
export interface WorkerBeat {
  readonly namespaceId: string;
  readonly workerId: string;
  readonly at: Micros;
  /** What it holds. Undefined: it did not say. */
  readonly workflowTasks: number | undefined;
  readonly activityTasks: number | undefined;
}

/** Which workers to list. */
export interface WorkersAsk {
  readonly namespaceId: string;
  /** Only those that poll it. Empty: all. */
  readonly taskQueue: string;
  /** Only those that were heard of since. Default: all. */
  readonly seenSince?: Micros;
  /** Behind this id. */
  readonly after: string;
  readonly limit: number;
  /** So many bytes of specs, but one worker at least. Default: as many as there are. */
  readonly maxBytes?: number;
}

/** Registers a worker, anew if it is known. */
export async function upsertWorker(q: Queryable, worker: NewWorker): Promise<void> {
  const { namespaceId, workerId, spec, taskQueues, at } = worker;
  await q.query(upsertStatement, [namespaceId, workerId, spec, taskQueues, at]);
}

/** Notes that workers are alive. Those that are not known any more are passed by. */
export async function beatWorkers(q: Queryable, beats: readonly WorkerBeat[]): Promise<void> {
  await q.query(beatStatement, [
    beats.map((beat) => beat.namespaceId),
    beats.map((beat) => beat.workerId),
    beats.map((beat) => beat.workflowTasks),
    beats.map((beat) => beat.activityTasks),
    beats.map((beat) => beat.at),
  ]);
}

/** Takes a worker out of service. False: it is not known. */
export async function drainWorker(q: Queryable, namespaceId: string, workerId: string): Promise<boolean> {
  const rows = await q.query(drainStatement, [namespaceId, workerId]);
  return rows.length > 0;
}

/** Finds a worker. */
export async function findWorker(
  q: Queryable,
  namespaceId: string,
  workerId: string,
): Promise<WorkerRow | undefined> {
  const [row] = await q.query<WorkerRow>(findStatement, [namespaceId, workerId]);
  return row;
}

/** Lists workers by id. `found` is how many there are within the limit, also if not all of them fit. */
export async function listWorkers(
  q: Queryable,
  { namespaceId, taskQueue, seenSince = 0, after, limit, maxBytes = Number.MAX_SAFE_INTEGER }: WorkersAsk,
): Promise<{ readonly workers: WorkerRow[]; readonly found: number }> {
  const values = [namespaceId, taskQueue, after, limit, maxBytes, seenSince];
  const rows = await q.query<WorkerRow & { found: number }>(listStatement, values);
  return { workers: rows.map(({ found: _found, ...row }) => row), found: rows[0]?.found ?? 0 };
}

/** Counts the workers of a namespace that were heard of since. */
export async function countWorkers(q: Queryable, namespaceId: string, since: Micros): Promise<number> {
  const [row] = await q.query<{ count: number }>(countStatement, [namespaceId, since]);
  return row?.count ?? 0;
}

/** Removes workers that were silent for a day. Returns how many, at most 1,000. */
export async function removeOldWorkers(q: Queryable): Promise<number> {
  const rows = await q.query(removeStatement, []);
  return rows.length;
}

const upsertStatement: Statement = {
  name: "upsert_worker",
  text: `
    insert into workers (namespace_id, worker_id, spec, task_queues, registered_at, seen_at)
    values ($1::uuid, $2::text, $3::bytea, $4::text[], $5::bigint, $5::bigint)
    on conflict (namespace_id, worker_id) do update
    set spec = excluded.spec, task_queues = excluded.task_queues, is_draining = false, registered_at = excluded.registered_at,
      seen_at = excluded.seen_at, workflow_tasks = 0, activity_tasks = 0, released_at = null`,
};

const beatStatement: Statement = {
  name: "beat_workers",
  text: `
    with held as materialized (
      select k.namespace_id, k.worker_id, b.workflow_tasks, b.activity_tasks, b.seen_at
      from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::bigint[])
        as b (namespace_id, worker_id, workflow_tasks, activity_tasks, seen_at)
      join workers k on k.namespace_id = b.namespace_id and k.worker_id = b.worker_id
      for update of k skip locked
    )
    update workers k
    set seen_at = greatest(k.seen_at, h.seen_at), workflow_tasks = coalesce(h.workflow_tasks, k.workflow_tasks),
      activity_tasks = coalesce(h.activity_tasks, k.activity_tasks), released_at = null
    from held h
    where k.namespace_id = h.namespace_id and k.worker_id = h.worker_id`,
};

const drainStatement: Statement = {
  name: "drain_worker",
  text: `
    update workers
    set is_draining = true
    where namespace_id = $1::uuid and worker_id = $2::text
    returning worker_id`,
};

const columns = `
  namespace_id as "namespaceId", worker_id as "workerId", spec, is_draining as "isDraining",
  registered_at as "registeredAt", seen_at as "seenAt", workflow_tasks as "workflowTasks",
  activity_tasks as "activityTasks"`;

const findStatement: Statement = {
  name: "find_worker",
  text: `
    select ${columns}
    from workers
    where namespace_id = $1::uuid and worker_id = $2::text`,
};

const listStatement: Statement = {
  name: "list_workers",
  text: `
    select ${columns}, found::int as found
    from (
      select *, count(*) over () as found, row_number() over (order by worker_id) as place,
        sum(octet_length(spec)) over (order by worker_id) as bytes
      from (
        select *
        from workers
        where namespace_id = $1::uuid and worker_id > $3::text and ($2::text = '' or $2::text = any(task_queues))
          and seen_at >= $6::bigint
        order by worker_id
        limit $4::int
      ) page
    ) measured
    where place = 1 or bytes <= $5::bigint
    order by worker_id`,
};

const countStatement: Statement = {
  name: "count_workers",
  text: `
    select count(*)::bigint as count
    from workers
    where namespace_id = $1::uuid and seen_at > $2::bigint`,
};

const removeStatement: Statement = {
  name: "remove_old_workers",
  text: `
    delete from workers
    where (namespace_id, worker_id) in (
      select namespace_id, worker_id
      from workers
      where seen_at < ${nowMicros} - 86400000000
      order by namespace_id, worker_id
      limit 1000
      for update skip locked
    )
    returning worker_id`,
};
