/**
 * Writes batches, whatever happens on the way: a statement that fails for its data is halved until the bad unit stands alone, and the outcome of a
 * statement whose connection was lost is looked up before anything is answered.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import {
  ConnectionLostError,
  type Database,
  DatabaseUnavailableError,
  DataError,
  GivenUpError,
  LockTimeoutError,
  type Queryable,
} from "../../store/database.js";
import { settleBatch } from "../../store/settle-batch.js";
import type { Unit } from "../../store/unit.js";
import { writeBatch } from "../../store/write-batch.js";
import type { Clock } from "../clock.js";
import type { EngineMetrics } from "../metrics.js";

/** What became of a unit: written, not written since another had its rows, or not written for an error. */
export type UnitResult = "won" | "lost" | { readonly error: unknown };

/** Writes units. */
export interface BatchWriter {
  /** Writes all that can be written; a result for each unit, in order. */
  write(connection: Queryable, units: readonly Unit[], operations: number): Promise<UnitResult[]>;
  /** The units that a batch wrote whose connection was lost: after this it either has written them or never will. */
  settle(connection: Queryable, batchId: string): Promise<readonly number[]>;
}

/** What a writer works with. */
export interface BatchWriterParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly metrics: EngineMetrics;
  /** Whether the server stops: then a database that can't be reached is waited for no longer than usual, even where an outcome is unknown. */
  isStopping(): boolean;
}

/** How long a batch waits for a database that can't be reached before its callers are told. */
const unavailableMs = 5_000;
const retryMs = 50;

/** Opens a writer. */
export function openBatchWriter({ database, clock, metrics, isStopping }: BatchWriterParts): BatchWriter {
  /** Batches whose outcome is known: their rows of the ledger go with the next one. */
  let answered: string[] = [];

  async function writeOnce(
    connection: Queryable,
    units: readonly Unit[],
    operations: number,
  ): Promise<UnitResult[]> {
    const batchId = randomUUID();
    const forget = answered;
    answered = [];
    const sentAt = clock.steadyNow();
    let won: ReadonlySet<number>;
    try {
      const written = await writeBatch(connection, { batchId, units, answered: forget });
      clock.observe(sentAt, clock.steadyNow(), written.now);
      won = new Set(written.won);
    } catch (error) {
      answered.push(...forget);
      if (!(error instanceof ConnectionLostError)) throw error;
      won = new Set(await settle(connection, batchId));
    }
    answered.push(batchId);
    const ms = (clock.steadyNow() - sentAt) / 1_000;
    metrics.batchWritten({ operations, units: units.length, lost: units.length - won.size, ms });
    return units.map((_, index) => (won.has(index) ? "won" : "lost"));
  }

  /** Waits as long as it takes, for the old statement to end or the database to come back: nothing true can be answered before. */
  async function settle(connection: Queryable, batchId: string): Promise<readonly number[]> {
    const giveUpAt = clock.steadyNow() + unavailableMs * 1_000;
    for (;;) {
      try {
        return (await settleBatch(connection, batchId)) ?? [];
      } catch (error) {
        const isOver = database.isClosed() || (isStopping() && clock.steadyNow() > giveUpAt);
        if (isOver || !isPassing(error)) throw error;
        await delay(retryMs);
      }
    }
  }

  async function writePatiently(
    connection: Queryable,
    units: readonly Unit[],
    operations: number,
  ): Promise<UnitResult[]> {
    const giveUpAt = clock.steadyNow() + unavailableMs * 1_000;
    for (;;) {
      try {
        return await writeOnce(connection, units, operations);
      } catch (error) {
        const isUnknown = error instanceof ConnectionLostError;
        if (isUnknown || !isPassing(error) || database.isClosed() || clock.steadyNow() > giveUpAt)
          throw error;
        await delay(retryMs);
      }
    }
  }

  async function write(
    connection: Queryable,
    units: readonly Unit[],
    operations: number,
  ): Promise<UnitResult[]> {
    try {
      return await writePatiently(connection, units, operations);
    } catch (error) {
      if (!(error instanceof DataError) || units.length === 1) return units.map(() => ({ error }));
      const middle = Math.ceil(units.length / 2);
      const first = await write(connection, units.slice(0, middle), Math.ceil(operations / 2));
      const second = await write(connection, units.slice(middle), Math.floor(operations / 2));
      return [...first, ...second];
    }
  }

  return { write, settle };
}

/** Whether it may go better a little later: nothing was written, or it is not known whether. */
function isPassing(error: unknown): boolean {
  return (
    error instanceof ConnectionLostError ||
    error instanceof DatabaseUnavailableError ||
    error instanceof GivenUpError ||
    error instanceof LockTimeoutError
  );
}
