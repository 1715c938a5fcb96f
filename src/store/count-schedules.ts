/** How many schedules a namespace has. */
import type { Queryable, Statement } from "./statement.js";

/** Counts the schedules of a namespace: none where the schema has no table of them. */
export async function countSchedules(q: Queryable, namespaceId: string): Promise<number> {
  const [table] = await q.query<{ isThere: boolean }>(tableStatement, []);
  if (table?.isThere !== true) return 0;
  const [row] = await q.query<{ count: number }>(countStatement, [namespaceId]);
  return row?.count ?? 0;
}

const tableStatement: Statement = {
  name: "find_schedules_table",
  text: `select to_regclass('pawl.schedules') is not null as "isThere"`,
};

const countStatement: Statement = {
  name: "count_schedules",
  text: `
    select count(*)::bigint as count
    from schedules
    where namespace_id = $1::uuid`,
};
