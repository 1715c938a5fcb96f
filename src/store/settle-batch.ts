/** Finding out what became of batches whose answer was lost. */
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/**
 * The places of the units that a batch wrote; undefined if it did not commit, and now never can: its place in the ledger is taken. Waits for a
 * statement that is still under way.
 */
export async function settleBatch(q: Queryable, batchId: string): Promise<number[] | undefined> {
  const [tombstone] = await q.query(buryStatement, [batchId]);
  if (tombstone !== undefined) return undefined;
  const [row] = await q.query<{ won_units: number[] | null }>(outcomeStatement, [batchId]);
  return row?.won_units ?? undefined;
}

/** Removes, from the ledger of batches, what is over an hour old. Returns how many rows. */
export async function removeOldBatches(q: Queryable): Promise<number> {
  const rows = await q.query(removeOldStatement, []);
  return rows.length;
}

const buryStatement: Statement = {
  name: "bury_batch",
  text: `
    insert into batches (batch_id, created_at)
    values ($1::uuid, ${nowMicros})
    on conflict do nothing
    returning 1 as buried`,
};

const outcomeStatement: Statement = {
  name: "batch_outcome",
  text: `
    select won_units
    from batches
    where batch_id = $1::uuid`,
};

const removeOldStatement: Statement = {
  name: "remove_old_batches",
  text: `
    delete from batches
    where batch_id in (
      select batch_id
      from batches
      where created_at < ${nowMicros} - 3600000000
      order by created_at
      limit 1000
      for update skip locked
    )
    returning batch_id`,
};
