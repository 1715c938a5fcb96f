/** Counting the tasks of queues: of open runs alone, however many closed ones there are. */
import type { Micros } from "../core/run-state.js";
import type { QueueName } from "./claim.js";
import { taskKinds } from "./ready-task.js";
import type { Queryable, Statement } from "./statement.js";

/** The tasks of one side of a queue. */
export interface QueueTasks {
  readonly kind: QueueName["kind"];
  readonly taskQueue: string;
  /** How many nobody has taken. */
  readonly ready: number;
  /** Since when the first of them can be taken. */
  readonly oldestReadyAt: Micros | undefined;
  /** How many somebody has. */
  readonly running: number;
  /** How many can be taken later. */
  readonly backingOff: number;
}

/** Counts the tasks of a queue, or of all queues of a namespace, in one snapshot. Sides without any are left out. */
export async function countQueueTasks(
  q: Queryable,
  ask: { readonly namespaceId: string; readonly taskQueue: string; readonly limit: number },
): Promise<QueueTasks[]> {
  const { namespaceId, taskQueue, limit } = ask;
  const last = taskQueue === "" ? lastText : taskQueue;
  const rows = await q.query<StoredTasks>(countStatement, [namespaceId, taskQueue, last, limit]);
  return rows.map(({ kind, oldestReadyAt, ...row }) => ({
    ...row,
    kind: kind === taskKinds.workflow ? "workflow" : "activity",
    oldestReadyAt: oldestReadyAt ?? undefined,
  }));
}

type StoredTasks = Omit<QueueTasks, "kind" | "oldestReadyAt"> & {
  readonly kind: number;
  readonly oldestReadyAt: Micros | null;
};

/** In the collation "C" no name that can be stored comes after it. */
const lastText = "\u{10ffff}".repeat(70);

const isAsked = (row: string) => `${row}.task_queue >= $2::text and ${row}.task_queue <= $3::text`;

/** What is neither ready nor taken has its time still to come. */
const countStatement: Statement = {
  name: "count_queue_tasks",
  text: `
    with open_run as materialized (
      select run_id, task_queue, task_worker_id, workflow_task is not null as has_task
      from runs
      where namespace_id = $1::uuid and status = any('{1,2}'::smallint[])
    ),
    tasks as (
      select ${taskKinds.workflow} as kind, r.task_queue, 0 as ready, count(r.task_worker_id) as running, count(*) as pending,
        null::bigint as oldest
      from open_run r
      where r.has_task and ${isAsked("r")}
      group by r.task_queue
      union all
      select ${taskKinds.activity}, a.task_queue, 0, count(a.lease_epoch), count(*), null
      from open_run r
      join activities a on a.run_id = r.run_id
      where ${isAsked("a")}
      group by a.task_queue
      union all
      select t.kind, t.task_queue, count(*), 0, 0, min(t.position)
      from ready_tasks t
      where t.namespace_id = $1::uuid and t.kind = any('{${taskKinds.workflow},${taskKinds.activity}}'::smallint[]) and ${isAsked("t")}
      group by t.kind, t.task_queue
    )
    select kind, task_queue as "taskQueue", sum(ready)::bigint as ready, min(oldest) as "oldestReadyAt",
      sum(running)::bigint as running, sum(pending - running - ready)::bigint as "backingOff"
    from tasks
    group by kind, task_queue
    order by task_queue, kind
    limit $4::int`,
};
