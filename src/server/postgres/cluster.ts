import { type ChildProcess, spawn } from "node:child_process";
import { chown, mkdtemp, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { StartError } from "../start-error.js";
import { type Account, bareEnvironment, run } from "./account.js";
import type { Binaries } from "./binaries.js";

/** The superuser of an embedded Postgres. Who may enter the socket's folder may connect as it. */
export const superuser = "pawl";

/** Where one embedded Postgres lives, and what it runs with. */
export interface Cluster {
  readonly binaries: Binaries;
  readonly account: Account;
  readonly dataDir: string;
  readonly socketDir: string;
  readonly logFile: string;
  /** Settings beyond the ones all clusters have, such as `fsync=off` for tests. */
  readonly settings?: readonly string[];
}

/**
 * Makes the data folder where it does not exist. It is filled under another name and renamed when complete, so that
 * a crash leaves nothing that looks like data, and of two servers doing so at once one wins and the other uses its.
 */
export async function initialise(cluster: Cluster, options: { sync: boolean }): Promise<void> {
  if ((await dataMajor(cluster.dataDir)) !== undefined) return;
  const prefix = `${cluster.dataDir}-new-`;
  await removeAbandoned(prefix);
  const scratch = await mkdtemp(prefix);
  try {
    const { uid, gid } = cluster.account;
    if (uid !== undefined && gid !== undefined) await chown(scratch, uid, gid);
    const outcome = await run({
      account: cluster.account,
      file: cluster.binaries.initdb,
      args: initArguments({ dataDir: scratch, major: cluster.binaries.major, sync: options.sync }),
    });
    if (outcome.code !== 0) {
      throw new StartError(
        `Postgres could not make its data folder ${cluster.dataDir}: ${lastLine(outcome.output)}`,
      );
    }
    await rename(scratch, cluster.dataDir).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    if (options.sync) await syncFolder(dirname(cluster.dataDir));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The major version that wrote the data, or undefined where there is none. */
export async function dataMajor(dataDir: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, "PG_VERSION"), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/**
 * Starts Postgres in a session of its own: it outlives the server that started it while others use it, and a Ctrl-C
 * in the terminal does not reach it. Resolves once the process runs, which is before it takes connections.
 */
export async function spawnPostgres(cluster: Cluster): Promise<ChildProcess> {
  const log = await open(cluster.logFile, "a", 0o600);
  try {
    const child = spawn(cluster.binaries.postgres, postgresArguments(cluster), {
      ...cluster.account,
      cwd: "/",
      env: bareEnvironment,
      stdio: ["ignore", log.fd, log.fd],
      detached: true,
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

/** A connection string for `psql` and `pg` alike. The port only names the socket file. */
export function clusterUrl(socketDir: string, database: string): string {
  return `postgresql:///${database}?host=${encodeURIComponent(socketDir)}&port=5432&user=${superuser}`;
}

/** The command line of Postgres; what it says wins over the folder's postgresql.conf. */
export function postgresArguments(cluster: Pick<Cluster, "dataDir" | "socketDir" | "settings">): string[] {
  const settings = [
    "listen_addresses=",
    `unix_socket_directories=${cluster.socketDir}`,
    "port=5432",
    "max_connections=200",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_checkpoints=off",
    ...(cluster.settings ?? []),
  ];
  return ["-D", cluster.dataDir, ...settings.flatMap((setting) => ["-c", setting])];
}

function initArguments(options: { dataDir: string; major: number; sync: boolean }): string[] {
  const locale =
    options.major >= 17
      ? ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
      : ["--locale=C"];
  const fixed = ["--encoding=UTF8", "--auth=trust", `--username=${superuser}`, "--no-instructions"];
  return ["-D", options.dataDir, ...fixed, ...locale, ...(options.sync ? [] : ["--no-sync"])];
}

/** What a server left that was killed while it made its data folder. Younger ones may be another server's. */
async function removeAbandoned(prefix: string): Promise<void> {
  const folder = dirname(prefix);
  const names = (await readdir(folder)).filter((name) => name.startsWith(basename(prefix)));
  for (const path of names.map((name) => join(folder, name))) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || Date.now() - found.mtimeMs < 10 * 60_000) continue;
    await rm(path, { recursive: true, force: true });
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
