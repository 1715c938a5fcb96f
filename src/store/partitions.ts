/** The partitions of history. */
import type { Queryable, Statement } from "./statement.js";

/**
 * Makes the partitions of this week and the three after it, where they are missing. Returns how many. Any number of servers may do so at once:
 * one of them makes each. Nothing fails where one could not be made: the default partition takes what belongs in it.
 */
export async function makePartitions(q: Queryable): Promise<number> {
  const [row] = await q.query<{ made: number }>(makeStatement, []);
  return row?.made ?? 0;
}

const makeStatement: Statement = {
  name: "make_partitions",
  text: `
    select count(*) filter (where make_history_partition(now() + week * interval '7 days'))::int as made
    from generate_series(0, 3) week`,
};
