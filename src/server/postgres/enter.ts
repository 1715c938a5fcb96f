import { realpath } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { joinMembers, type Membership } from "../../store/membership.js";
import { StartError } from "../start-error.js";
import { type Cluster, clusterUrl } from "./cluster.js";
import { createLauncher, type Launcher } from "./launch.js";
import { databaseName } from "./layout.js";
import { readPostmasterPid } from "./postmaster.js";

/** Being in: who started Postgres does not matter afterwards. */
export interface Entered {
  readonly membership: Membership;
  /** Whether it was started by another server. */
  readonly isJoined: boolean;
}

interface EnterOptions {
  cluster: Cluster;
  logger: Pick<Logger, "info" | "warn">;
  signal: AbortSignal;
  /** Goes on trying whatever fails, as a running server must. */
  isPersistent: boolean;
}

/**
 * Joins the Postgres that runs on the data, or starts it and joins. Servers need no lock of ours for it: of several
 * that start Postgres its own lock file lets one through, and the others find that one when they try to join again.
 */
export async function enter(options: EnterOptions): Promise<Entered> {
  const { cluster, signal } = options;
  const launcher = createLauncher(cluster);
  const began = Date.now();
  let hasSaidSo = false;
  for (let round = 0; ; round += 1) {
    // A Postgres that this server has begun to start is joined even so, to be left properly.
    const launch = await launcher.state();
    if (launch.kind !== "running") signal.throwIfAborted();
    const found = await tryJoin(cluster, options);
    if (typeof found === "object") return { membership: found, isJoined: launch.kind !== "running" };
    if (found === "absent") await startAgain({ ...options, launcher, round, waitedMs: Date.now() - began });
    if (found === "busy" && !hasSaidSo && Date.now() - began > 3_000) {
      options.logger.info(
        { dataDir: cluster.dataDir },
        "waiting for embedded Postgres to recover or to stop",
      );
      hasSaidSo = true;
    }
    await delay(Math.min(10 + 5 * round, 100));
  }
}

/** Joins, or tells why not: `busy` is worth a wait, `absent` means that nobody listens. */
async function tryJoin(cluster: Cluster, options: EnterOptions): Promise<Membership | "busy" | "absent"> {
  try {
    const url = clusterUrl(cluster.socketDir, "postgres");
    const membership = await joinMembers({ url, database: databaseName });
    if (membership !== undefined) await refuseForeign(cluster, membership);
    return membership ?? "busy";
  } catch (error) {
    if (error instanceof StartError) throw error;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ECONNREFUSED") return "absent";
    // Starting, stopping, recovering (class 57), full (class 53), or cut off in the middle of it.
    const isPassing = typeof code !== "string" || /^(57|53|08|ECONN|EPIPE|ETIMEDOUT)/.test(code);
    if (isPassing || options.isPersistent) return "busy";
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(
      `The embedded Postgres on ${cluster.dataDir} cannot be joined (${reason}): start pawl as the user it belongs to, or give another --data-dir.`,
      { cause: error },
    );
  }
}

async function startAgain(
  options: EnterOptions & { launcher: Launcher; round: number; waitedMs: number },
): Promise<void> {
  const { cluster, logger, launcher, isPersistent, waitedMs } = options;
  const launch = await launcher.state();
  if (launch.kind === "running") return;
  if (launch.kind === "failed") {
    if (!isPersistent) throw launch.error;
    logger.warn({ err: launch.error }, "embedded Postgres does not start, trying again");
    await delay(1_000);
  }
  if (launch.kind === "outrun" && waitedMs > 60_000 && !isPersistent) {
    const pid = await readPostmasterPid(cluster.dataDir);
    throw new StartError(
      `Process ${pid} holds ${cluster.dataDir} but takes no connections: end it if it is a Postgres that hangs, then start pawl again.`,
    );
  }
  await launcher.start();
}

/** A copied folder may name the socket of the one it was copied from. */
async function refuseForeign(cluster: Cluster, membership: Membership): Promise<void> {
  const [own, found] = await Promise.all(
    [cluster.dataDir, membership.dataDir].map((path) => realpath(path).catch(() => path)),
  );
  if (own === found) return;
  await membership.close();
  throw new StartError(
    `The socket in ${cluster.socketDir} is of the Postgres on ${found}, not of ${own}: if one folder is a copy of the other, remove postgres.json from the copy.`,
  );
}
