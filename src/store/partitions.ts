/** The partitions of history, a week each. */
import type { Queryable, Statement } from "./statement.js";

/**
 * Makes the partitions of this week and the three after it, where they are missing. Returns how many. Any number of servers may do so at once:
 * one of them makes each. Nothing fails where one could not be made: the default partition takes what belongs in it.
 */
export async function makePartitions(q: Queryable): Promise<number> {
  const [row] = await q.query<{ made: number }>(makeStatement, []);
  return row?.made ?? 0;
}

/**
 * Drops a partition whose week has been over for a day and in which no run has anything, within a transaction of its own. False: there is none, or it is
 * in use. What is started there after all, such as a child whose id was made long before, finds its place in the default partition.
 */
export async function dropPartition(tx: Queryable): Promise<boolean> {
  const [row] = await tx.query<{ dropped: boolean }>(dropStatement, []);
  return row?.dropped ?? false;
}

const makeStatement: Statement = {
  name: "make_partitions",
  text: `
    select count(*) filter (where make_history_partition(now() + week * interval '7 days'))::int as made
    from generate_series(0, 3) week`,
};

const dropStatement: Statement = {
  name: "drop_partition",
  text: "select drop_history_partition(now() - interval '1 day') as dropped",
};
