/** Counting ready tasks, for operators. */
import { taskKinds } from "./ready-task.js";
import type { Queryable, Statement } from "./statement.js";

/** Counts the ready tasks of both kinds, up to 10,000 together: beyond it the backlog is long, and counting on would cost more than it tells. */
export async function countReadyTasks(q: Queryable): Promise<{ workflow: number; activity: number }> {
  const rows = await q.query<{ kind: number; count: number }>(countStatement, []);
  const countOf = (kind: number) => rows.find((row) => row.kind === kind)?.count ?? 0;
  return { workflow: countOf(taskKinds.workflow), activity: countOf(taskKinds.activity) };
}

const countStatement: Statement = {
  name: "count_ready_tasks",
  text: `
    select kind, count(*)::int as count
    from (
      select kind
      from ready_tasks
      limit 10000
    ) counted
    group by kind`,
};
