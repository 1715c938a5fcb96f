import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openConnection } from "./pool.js";
import { refuseUnfit } from "./preconditions.js";

/** What to migrate, and with which files. */
export interface MigrateOptions {
  url: string;
  /** The folder of numbered SQL files; those of this package unless given. */
  dir?: string;
  /** How long to wait for another server that is migrating. */
  waitMs?: number;
}

/**
 * Applies the migrations that the database lacks, and returns their names. Any number of servers may do so at once. A
 * Postgres too old and a schema too new are refused.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const { runner } = await import("node-pg-migrate");
  const dir = options.dir ?? migrationsDir();
  await refuseUnfit({ url: options.url, programVersion: await programVersion(dir) });
  const deadline = Date.now() + (options.waitMs ?? 120_000);
  for (;;) {
    // Our own connection: losing one that the runner opens would end the process.
    const connection = await openConnection({ url: options.url, name: "pawl migrate" });
    try {
      const applied = await runner({
        dbClient: connection,
        dir,
        direction: "up",
        schema: "pawl",
        createSchema: true,
        migrationsSchema: "pawl",
        migrationsTable: "migrations",
        singleTransaction: true,
        logger: silent,
      });
      return applied.map((migration) => migration.name);
    } catch (error) {
      if (!isAlreadyRunning(error) || Date.now() > deadline) throw error;
    } finally {
      await connection.end().catch(() => undefined);
    }
    await delay(100);
  }
}

/** The number of the newest migration that this program brings. */
export async function programVersion(dir = migrationsDir()): Promise<number> {
  const names = await readdir(dir);
  const numbers = names.filter((name) => name.endsWith(".sql")).map((name) => Number.parseInt(name, 10));
  return Math.max(0, ...numbers.filter(Number.isInteger));
}

/** migrations/ lies beside package.json, however deep this file was compiled to. */
function migrationsDir(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && dirname(folder) !== folder) folder = dirname(folder);
  return join(folder, "migrations");
}

function isAlreadyRunning(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Another migration is already running");
}

const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {}
