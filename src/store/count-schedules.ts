/** How many schedules a namespace has. */
import type { Queryable, Statement } from "./statement.js";

/** Counts the schedules of a namespace. */
export async function countSchedules(q: Queryable, namespaceId: string): Promise<number> {
  const [row] = await q.query<{ count: number }>(countStatement, [namespaceId]);
  return row?.count ?? 0;
}

const countStatement: Statement = {
  name: "count_schedules",
  text: `
    select count(*)::bigint as count
    from schedules
    where namespace_id = $1::uuid`,
};
