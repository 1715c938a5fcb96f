/** Which statement writes a batch: one of its own for each set of tables that batches have rows for. */
import { type BatchTable, batchTables } from "./batch-input.js";
import type { BatchRows } from "./batch-rows.js";
import { batchText, type PartOrder } from "./batch-statement.js";
import type { Statement } from "./statement.js";

/** A statement, and the tables that it writes. */
export interface BatchStatement extends Statement {
  readonly tables: readonly BatchTable[];
}

/** Finds the statement for rows. */
export type ChooseStatement = (rows: BatchRows) => BatchStatement;

/** When a set of tables gets a statement of its own. */
export interface ShapeLimits {
  /** Few, as each connection keeps the plan of every statement that it has prepared, and the widest take a megabyte. */
  readonly mostStatements: number;
  /** How often batches must have had rows for exactly these tables: most sets are chance encounters in big batches. */
  readonly timesAsked: number;
}

const usualLimits: ShapeLimits = { mostStatements: 32, timesAsked: 3 };

/**
 * Makes a statement for each set of tables that is asked for often. For another set, the statement with the fewest tables beyond those that
 * are needed serves; the first is for all tables, so there always is one.
 */
export function openShapes(order: PartOrder, limits: ShapeLimits = usualLimits): ChooseStatement {
  const made = new Map<bigint, BatchStatement>();
  const asked = new Map<bigint, number>();
  const make = (shape: bigint) => {
    const tables = batchTables.filter((_, index) => (shape & bit(index)) !== 0n);
    const statement = { name: `write_batch_${order}_${shape}`, text: batchText(order, tables), tables };
    made.set(shape, statement);
    return statement;
  };
  const full = make(bit(batchTables.length) - 1n);
  return (rows) => {
    const shape = shapeOf(rows);
    const known = made.get(shape);
    if (known !== undefined) return known;
    if (made.size < limits.mostStatements) {
      const times = (asked.get(shape) ?? 0) + 1;
      asked.set(shape, times);
      if (times >= limits.timesAsked) return make(shape);
    }
    return narrowest(made, shape) ?? full;
  };
}

/** The tables that there are rows for, a bit each. */
function shapeOf(rows: BatchRows): bigint {
  return batchTables.reduce(
    (shape, table, index) => (rows[table].length > 0 ? shape | bit(index) : shape),
    0n,
  );
}

function bit(index: number): bigint {
  return 1n << BigInt(index);
}

function narrowest(made: ReadonlyMap<bigint, BatchStatement>, shape: bigint): BatchStatement | undefined {
  let best: BatchStatement | undefined;
  for (const [other, statement] of made) {
    const isEnough = (shape & other) === shape;
    if (isEnough && (best === undefined || statement.tables.length < best.tables.length)) best = statement;
  }
  return best;
}
