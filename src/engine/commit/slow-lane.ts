/**
 * The slow lane: operations that keep losing against another server wait for the rows in Postgres's lock queue, which is fair. Batches skip locked rows,
 * so they step aside.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "../../store/database.js";
import { ConnectionLostError, GivenUpError, LockTimeoutError } from "../../store/database.js";
import { lockSchedule, lockWorkflow } from "../../store/lock.js";
import type { Queryable } from "../../store/statement.js";
import type { Unit } from "../../store/unit.js";
import { writeBatch } from "../../store/write-batch.js";
import type { BatchWriter, UnitResult } from "./batch-writer.js";
import type { AnyPending } from "./pending.js";

/** Decisions that have to be written. */
export interface Prepared {
  readonly units: readonly Unit[];
  readonly operations: number;
  /** Answers the callers; takes a result for each unit. */
  conclude(results: readonly UnitResult[]): void;
}

/** A row that is just being made by another can't be waited for: the unit comes back and tries again after so long. */
const pauseMs = 2;

/** Writes operations of one workflow id, or of one schedule, under ordinary locks. `prepare` decides them on states that it loads. */
export async function writeInSlowLane(
  { database, writer }: { readonly database: Database; readonly writer: BatchWriter },
  items: readonly AnyPending[],
  prepare: () => Promise<Prepared>,
): Promise<void> {
  const [first] = items;
  if (first === undefined) return;
  const batchId = randomUUID();
  let prepared: Prepared | undefined;
  let won: readonly number[] = [];
  try {
    await database.transaction(async (connection) => {
      await lock(connection, first);
      prepared = await prepare();
      if (prepared.units.length > 0)
        won = (await writeBatch(connection, { batchId, units: prepared.units, answered: [] })).won;
    });
  } catch (error) {
    if (prepared === undefined) throw error;
    if (!(error instanceof ConnectionLostError)) return failAll(prepared, error);
    try {
      won = await writer.settle(database.read, batchId);
    } catch (unknown) {
      return failAll(prepared, unknown);
    }
  }
  if (prepared === undefined) return;
  const written = new Set(won);
  if (written.size < prepared.units.length) await delay(pauseMs);
  prepared.conclude(prepared.units.map((_, index) => (written.has(index) ? "won" : "lost")));
}

async function lock(tx: Queryable, item: AnyPending): Promise<void> {
  if (item.kind === "schedule") return lockSchedule(tx, item.operation);
  const { namespaceId, workflowId } = item.operation;
  return lockWorkflow(tx, { namespaceId, workflowId });
}

/** A lock that was not to be had in time is as good as a unit that lost; anything else is told, or found out by writing each operation alone. */
function failAll(prepared: Prepared, error: unknown): void {
  const isPassing = error instanceof LockTimeoutError || error instanceof GivenUpError;
  const result: UnitResult = isPassing ? "lost" : { error };
  prepared.conclude(prepared.units.map(() => result));
}
