import type { ChildProcess } from "node:child_process";
import { open, stat, truncate } from "node:fs/promises";
import { StartError } from "../start-error.js";
import { type Cluster, spawnPostgres } from "./cluster.js";
import { clearStalePid } from "./postmaster.js";

/** How a start ended: it runs (which is before it takes connections), another one was first, or it failed. */
export type LaunchState =
  | { kind: "idle" }
  | { kind: "running" }
  | { kind: "outrun" }
  | { kind: "failed"; error: StartError };

/** This server's attempts to start Postgres, one at a time. */
export interface Launcher {
  state(): Promise<LaunchState>;
  start(): Promise<void>;
}

/** Prepares to start Postgres on the cluster. */
export function createLauncher(cluster: Cluster): Launcher {
  let child: ChildProcess | undefined;
  let logStart = 0;
  return {
    state: async () => {
      if (child === undefined) return { kind: "idle" };
      if (child.exitCode === null && child.signalCode === null) return { kind: "running" };
      return explainExit({ cluster, child, log: await readFrom(cluster.logFile, logStart) });
    },
    start: async () => {
      await clearStalePid(cluster.dataDir);
      logStart = await boundLog(cluster.logFile);
      child = await spawnPostgres(cluster);
    },
  };
}

/** Postgres's own lock decides which of several servers starts it, and holds until the last process of a dead one is gone. */
const takenMessages =
  /lock file ".*" already exists|is still in use|bogus data in lock file|lock file .* is empty/;

function explainExit(options: { cluster: Cluster; child: ChildProcess; log: string }): LaunchState {
  const { cluster, child, log } = options;
  if (takenMessages.test(log)) return { kind: "outrun" };
  // Postgres that ended well was stopped by a server that had joined it meanwhile.
  if (child.exitCode === 0) return { kind: "idle" };
  const fatal = log.split("\n").findLast((line) => /FATAL|PANIC|error while loading/.test(line));
  const reason =
    fatal?.replace(/^.*?(FATAL|PANIC):\s*/, "") ?? `exit code ${child.exitCode ?? child.signalCode}`;
  const error = new StartError(
    `The embedded Postgres on ${cluster.dataDir} does not start (${reason}): ${cluster.logFile} says more; or start with another --data-dir.`,
  );
  return { kind: "failed", error };
}

/** The log is begun anew when it has grown; while Postgres runs it only gets warnings. Returns where the next line will be. */
async function boundLog(file: string): Promise<number> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size < 8 * 1024 * 1024) return size;
  await truncate(file);
  return 0;
}

async function readFrom(file: string, position: number): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(64 * 1024), position });
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}
