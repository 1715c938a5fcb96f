import type pg from "pg";
import { openConnection } from "./pool.js";

/** Being one of the servers that use an embedded Postgres, for as long as one connection lives. */
export interface Membership {
  /** Resolves when the connection is gone: Postgres died, or it was left. */
  readonly lost: Promise<void>;
  /** The data that this Postgres runs on, as it says itself. */
  readonly dataDir: string;
  /** Leaves, and tells whether nobody else is there. The last one holds newcomers off until Postgres has stopped. */
  leave(): Promise<{ isLast: boolean }>;
  close(): Promise<void>;
}

/**
 * Joins those who use this Postgres, or returns undefined where the last of them is about to stop it.
 *
 * Members hold a lock together, and only whoever can hold it alone may stop Postgres. The lock belongs to the
 * connection, so a server that is killed has left, and none can be counted wrongly.
 */
export async function joinMembers(options: {
  url: string;
  database: string;
}): Promise<Membership | undefined> {
  const connection = await openConnection({ url: options.url, name: "pawl member", connectTimeoutMs: 5_000 });
  const lost = new Promise<void>((resolve) => connection.once("end", resolve));
  const close = () => connection.end().catch(() => undefined);
  let dataDir: string;
  try {
    dataDir = await readDataDir(connection);
    if (!(await holds(connection, "select pg_try_advisory_lock_shared($1) as held"))) {
      await close();
      return undefined;
    }
    await ensureDatabase(connection, options.database);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    lost,
    dataDir,
    close,
    leave: async () => {
      await connection.query("select pg_advisory_unlock_shared($1)", [memberLock]);
      return { isLast: await holds(connection, "select pg_try_advisory_lock($1) as held") };
    },
  };
}

/** Any number that stays the same; "pawl" in ASCII. */
const memberLock = 0x7061_776c;

async function holds(connection: pg.Client, statement: string): Promise<boolean> {
  const result = await connection.query<{ held: boolean }>(statement, [memberLock]);
  return result.rows[0]?.held ?? false;
}

async function readDataDir(connection: pg.Client): Promise<string> {
  const { rows } = await connection.query<{ path: string }>(
    "select current_setting('data_directory') as path",
  );
  return rows[0]?.path ?? "";
}

/** Two servers may make it at once: the second is told so in one of two ways. */
async function ensureDatabase(connection: pg.Client, database: string): Promise<void> {
  const found = await connection.query("select from pg_database where datname = $1", [database]);
  if (found.rowCount !== 0) return;
  try {
    await connection.query(`create database ${connection.escapeIdentifier(database)}`);
  } catch (error) {
    if (!isCode(error, ["42P04", "23505"])) throw error;
  }
}

function isCode(error: unknown, codes: readonly string[]): boolean {
  return (
    error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code)
  );
}
