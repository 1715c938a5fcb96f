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

/** Registers a worker, anew if it is known. */
export async function upsertWorker(
  q: Queryable,
  worker: Pick<WorkerRow, "namespaceId" | "workerId" | "spec">,
): Promise<void> {
  await q.query(upsertStatement, [worker.namespaceId, worker.workerId, worker.spec]);
}

/** Notes that workers are alive. Those that are not known any more are passed by. */
export async function beatWorkers(
  q: Queryable,
  beats: readonly Pick<WorkerRow, "namespaceId" | "workerId" | "workflowTasks" | "activityTasks">[],
): Promise<void> {
  await q.query(beatStatement, [
    beats.map((beat) => beat.namespaceId),
    beats.map((beat) => beat.workerId),
    beats.map((beat) => beat.workflowTasks),
    beats.map((beat) => beat.activityTasks),
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

/** Removes workers that were silent for a day. Returns how many, at most 1,000. */
export async function removeOldWorkers(q: Queryable): Promise<number> {
  const rows = await q.query(removeStatement, []);
  return rows.length;
}

const upsertStatement: Statement = {
  name: "upsert_worker",
  text: `
    insert into workers (namespace_id, worker_id, spec, registered_at, seen_at)
    values ($1::uuid, $2::text, $3::bytea, ${nowMicros}, ${nowMicros})
    on conflict (namespace_id, worker_id) do update
    set spec = excluded.spec, is_draining = false, registered_at = excluded.registered_at, seen_at = excluded.seen_at,
      workflow_tasks = 0, activity_tasks = 0`,
};

const beatStatement: Statement = {
  name: "beat_workers",
  text: `
    with held as materialized (
      select k.namespace_id, k.worker_id, b.workflow_tasks, b.activity_tasks
      from unnest($1::uuid[], $2::text[], $3::int[], $4::int[]) as b (namespace_id, worker_id, workflow_tasks, activity_tasks)
      join workers k on k.namespace_id = b.namespace_id and k.worker_id = b.worker_id
      for update of k skip locked
    )
    update workers k
    set seen_at = ${nowMicros}, workflow_tasks = h.workflow_tasks, activity_tasks = h.activity_tasks
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

const findStatement: Statement = {
  name: "find_worker",
  text: `
    select namespace_id as "namespaceId", worker_id as "workerId", spec, is_draining as "isDraining",
      registered_at as "registeredAt", seen_at as "seenAt", workflow_tasks as "workflowTasks",
      activity_tasks as "activityTasks"
    from workers
    where namespace_id = $1::uuid and worker_id = $2::text`,
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
