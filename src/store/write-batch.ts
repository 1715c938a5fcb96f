/** Writing a batch: one statement, in which each unit takes effect whole or not at all. */
import type { Micros } from "../core/run-state.js";
import { batchParameters } from "./batch-input.js";
import { batchRows } from "./batch-rows.js";
import { type ChooseStatement, openShapes } from "./batch-shapes.js";
import type { PartOrder } from "./batch-statement.js";
import type { Queryable } from "./statement.js";
import type { Unit } from "./unit.js";

/** What to write. */
export interface Batch {
  /** A UUID of its own, under which the outcome can be asked for when the answer was lost. */
  readonly batchId: string;
  /** A workflow id is in one of them at most, and in one batch in flight at most. */
  readonly units: readonly Unit[];
  /** Earlier batches whose outcome need not be kept any longer. */
  readonly answered: readonly string[];
}

/** What came of it. */
export interface BatchOutcome {
  /** The places, in the batch and in order, of the units that were written. The others changed nothing: load and decide again. */
  readonly won: number[];
  /** When, by the database's clock. */
  readonly now: Micros;
}

/** The statements, with their writing parts in the usual order or in reverse: the order must make no difference. */
export const writeBatchStatements: Readonly<Record<PartOrder, ChooseStatement>> = {
  usual: openShapes("usual"),
  reversed: openShapes("reversed"),
};

/** Writes a batch and says which of its units were written. */
export async function writeBatch(
  q: Queryable,
  batch: Batch,
  choose: ChooseStatement = writeBatchStatements.usual,
): Promise<BatchOutcome> {
  const rows = batchRows(batch.units);
  const statement = choose(rows);
  const values = [batch.batchId, batch.answered, ...batchParameters(statement.tables, rows)];
  const [row] = await q.query<BatchOutcome>(statement, values);
  return row ?? { won: [], now: 0 };
}
