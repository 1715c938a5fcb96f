/** What a server does over a while: its share of a processor, and the statements that it sends. */
import { setTimeout as delay } from "node:timers/promises";
import { processorMs } from "./processes.js";
import type { Measurable } from "./stage.js";

/** What was seen. */
export interface Load {
  /** Of the server's process, in parts of one core. */
  readonly serverCores: number;
  /** Of Postgres with all its processes. */
  readonly postgresCores: number;
  /** Transactions of the database a second, each a statement of its own but for the few that take several; what Postgres does by itself included. */
  readonly statementsPerSecond: number;
  readonly seconds: number;
}

interface Reading {
  readonly atMs: number;
  readonly serverMs: number;
  readonly postgresMs: number;
  readonly transactions: number;
}

/** Begins to watch. The returned function ends it and answers what was seen. */
export async function watchLoad(measurable: Measurable): Promise<() => Promise<Load>> {
  const from = await read(measurable);
  return async () => {
    const to = await read(measurable);
    const ms = to.atMs - from.atMs;
    return {
      serverCores: (to.serverMs - from.serverMs) / ms,
      postgresCores: (to.postgresMs - from.postgresMs) / ms,
      // The reading itself is one.
      statementsPerSecond: (1_000 * (to.transactions - from.transactions - 1)) / ms,
      seconds: ms / 1_000,
    };
  };
}

/** Postgres's processes tell what they counted some seconds later. */
const settleMs = 5_000;

/** Watches for a while what has just been left alone. */
export async function loadOver(measurable: Measurable, seconds: number): Promise<Load> {
  await delay(settleMs);
  const end = await watchLoad(measurable);
  await delay(seconds * 1_000);
  return end();
}

async function read({ server, database }: Measurable): Promise<Reading> {
  const { rows } = await database.query<{ transactions: number }>(
    "select (xact_commit + xact_rollback)::float8 as transactions from pg_stat_database where datname = current_database()",
  );
  return {
    atMs: performance.now(),
    serverMs: processorMs(server.pid, { withChildren: false }),
    postgresMs: processorMs(server.postgresPid, { withChildren: true }),
    transactions: rows[0]?.transactions ?? 0,
  };
}
