import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Membership } from "../../store/membership.js";
import { StartError } from "../start-error.js";
import { chooseAccount } from "./account.js";
import { packagedPostgres, prepareBinaries } from "./binaries.js";
import { type Cluster, dataMajor, initialise } from "./cluster.js";
import { enter } from "./enter.js";
import { ensureSocketDir, type Layout, settleLayout } from "./layout.js";
import { stopPostmaster } from "./postmaster.js";

/** An embedded Postgres in use by this server, perhaps among others. */
export interface EmbeddedPostgres {
  /** Stays the same when Postgres is restarted. */
  readonly url: string;
  readonly dataDir: string;
  /** Leaves it, and stops it where nobody else uses it. To be called when this server's connections are closed. */
  stop(): Promise<void>;
}

/** What the embedded Postgres needs. */
export interface EmbeddedOptions {
  /** The folder for its data. */
  dir: string;
  logger: Pick<Logger, "info" | "warn" | "error">;
  /** Settings beyond Postgres's defaults, as `name=value`. */
  settings?: readonly string[];
  /** Another package with programs of Postgres. */
  packageDir?: string;
  /** Where a root's Postgres may live if its user cannot enter `dir`, in order of preference. */
  shelters?: readonly string[];
}

/** Starts Postgres in the folder, or joins the one that runs there. It is kept running until everyone has left. */
export async function openEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { logger } = options;
  const dir = resolve(options.dir);
  const shelters = options.shelters ?? ["/var/lib/pawl", "/var/tmp/pawl", join(tmpdir(), "pawl")];
  const layout = await settleLayout({ dir, shelters });
  const cluster = await prepareCluster({ ...options, dir, layout });
  await initialise(cluster, { sync: true });
  await ensureSocketDir(layout, cluster.account);
  const stopping = new AbortController();
  const entered = await enter({ cluster, logger, signal: stopping.signal, isPersistent: false });
  logger.info(
    { dataDir: layout.dataDir, database: layout.url, joined: entered.isJoined },
    "embedded Postgres is ready",
  );
  const keeper = keepEntered({ cluster, logger, first: entered.membership, stopping: stopping.signal });
  let stopped: Promise<void> | undefined;
  return {
    url: layout.url,
    dataDir: layout.dataDir,
    stop: () => {
      stopped ??= leave({ cluster, logger, stopping, keeper });
      return stopped;
    },
  };
}

async function prepareCluster(options: EmbeddedOptions & { layout: Layout }): Promise<Cluster> {
  const { layout, dir } = options;
  const packageDir = options.packageDir ?? packagedPostgres();
  const account = await chooseAccount(layout.dataDir);
  const homes = layout.home === dir ? [dir] : [resolve(layout.home, ".."), layout.home];
  const binaries = await prepareBinaries({ packageDir, account, homes });
  const major = await dataMajor(layout.dataDir).catch((cause) => {
    throw new StartError(
      `The data in ${layout.dataDir} cannot be read (${cause.message}): start pawl as the user it belongs to, or choose another --data-dir.`,
      { cause },
    );
  });
  if (major !== undefined && major !== binaries.major) {
    throw new StartError(
      `The data in ${layout.dataDir} is of Postgres ${major}, and this pawl brings Postgres ${binaries.major}: run a Postgres ${major} on that folder and give its --database-url, convert the folder with pg_upgrade, or start empty with another --data-dir.`,
    );
  }
  return {
    binaries,
    account,
    dataDir: layout.dataDir,
    socketDir: layout.socketDir,
    logFile: join(layout.home, "postgres.log"),
    settings: options.settings ?? [],
  };
}

interface Keeper {
  /** The membership at this moment; undefined while Postgres is down. */
  current(): Membership | undefined;
  /** Resolves when nothing is being started any more. */
  readonly done: Promise<void>;
}

/** Enters again whenever Postgres was lost, starting it where nobody else has. */
function keepEntered(options: {
  cluster: Cluster;
  logger: EmbeddedOptions["logger"];
  first: Membership;
  stopping: AbortSignal;
}): Keeper {
  const { cluster, logger, stopping } = options;
  let current: Membership | undefined = options.first;
  const stopAsked = new Promise<void>((resolve) =>
    stopping.addEventListener("abort", () => resolve(), { once: true }),
  );
  const keep = async () => {
    while (current !== undefined) {
      await Promise.race([current.lost, stopAsked]);
      if (stopping.aborted) return;
      current = undefined;
      logger.warn({ dataDir: cluster.dataDir }, "embedded Postgres was lost, starting it again");
      const entered = await enter({ cluster, logger, signal: stopping, isPersistent: true }).catch(
        (error: unknown) => {
          if (!stopping.aborted) logger.error({ err: error }, "embedded Postgres cannot be started again");
          return undefined;
        },
      );
      current = entered?.membership;
      if (current !== undefined) logger.info({ dataDir: cluster.dataDir }, "embedded Postgres is back");
    }
  };
  return { current: () => current, done: keep() };
}

async function leave(options: {
  cluster: Cluster;
  logger: EmbeddedOptions["logger"];
  stopping: AbortController;
  keeper: Keeper;
}): Promise<void> {
  const { cluster, logger, stopping, keeper } = options;
  stopping.abort();
  // A recovery may take longer than anyone wants to wait; what is left running is adopted at the next start.
  await Promise.race([keeper.done, delay(10_000, undefined, { ref: false })]);
  const membership = keeper.current();
  if (membership === undefined) return;
  try {
    // A Postgres that died just now needs no stopping, and leaving it fails.
    const { isLast } = await membership.leave().catch(() => ({ isLast: false }));
    if (isLast) await stopPostmaster(cluster.dataDir, { patienceMs: 30_000 });
    logger.info(
      { dataDir: cluster.dataDir },
      isLast ? "embedded Postgres is stopped" : "embedded Postgres is left to others",
    );
  } finally {
    await membership.close();
  }
}
