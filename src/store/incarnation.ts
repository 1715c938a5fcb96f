/** Which life of the database this is. */
import type { Micros } from "../core/run-state.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** Reads the incarnation, which changes with a restore from a backup, and the database's time. */
export async function readIncarnation(q: Queryable): Promise<{ incarnation: string; now: Micros }> {
  const [row] = await q.query<{ incarnation: string; now: Micros }>(readStatement, []);
  if (row === undefined) throw new Error("The database has no incarnation: its one row was deleted.");
  return row;
}

const readStatement: Statement = {
  name: "read_incarnation",
  text: `
    select incarnation, ${nowMicros} as now
    from database_incarnation`,
};
