/** The database as a running server uses it. */
import { type Connection, openReconnecting } from "./connection.js";
import { type Notifications, openNotifications } from "./notifications.js";
import { openPool, type Settings } from "./pool.js";
import { refuseUnsafeFsync } from "./preconditions.js";
import { durableSettings, planSettings } from "./settings.js";
import type { Queryable } from "./statement.js";
import { runTransaction } from "./transaction.js";

export {
  ConnectionLostError,
  DatabaseUnavailableError,
  DataError,
  GivenUpError,
  LockTimeoutError,
} from "./errors.js";
export type { Queryable } from "./statement.js";

/** How to open the database. */
export interface DatabaseOptions {
  readonly url: string;
  /** How many batches may be written at once. */
  readonly writeConnections: number;
  readonly applicationName?: string;
  /** Accept a Postgres that may lose what it acknowledged. For tests. */
  readonly allowUnsafeFsync?: boolean;
  /** How long a statement may run before Postgres ends it. */
  readonly statementTimeoutMs?: number;
}

/** The connections of one server. Each comes back by itself when it was lost. */
export interface Database extends Notifications {
  /** For statements by many callers at once. */
  readonly read: Queryable;
  /** For batches: one at a time on each. */
  readonly write: readonly Queryable[];
  /** Runs `work` in a transaction of ordinary locks, on one of a few connections of its own. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** Whether it was closed by this server itself. */
  isClosed(): boolean;
  close(): Promise<void>;
}

/** Opens all connections, or none; refuses a database that Pawl cannot work on. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const opened: { close(): Promise<void> }[] = [];
  let isClosed = false;
  const close = async () => {
    isClosed = true;
    await Promise.all(opened.splice(0).map((connection) => connection.close()));
  };
  const name = options.applicationName ?? "pawl";
  const statement_timeout = options.statementTimeoutMs ?? 10_000;
  const keep = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const connection = await opening;
    opened.push(connection);
    return connection;
  };
  const open = (settings: Settings, pipeline: boolean): Promise<Connection> =>
    keep(
      openReconnecting({
        url: options.url,
        name,
        pipeline,
        settings: { ...planSettings, statement_timeout, ...settings },
        connectTimeoutMs: 5_000,
      }),
    );
  try {
    if (!(options.allowUnsafeFsync ?? false)) await refuseUnsafeFsync(options.url);
    const read = await open(durableSettings, true);
    const write = await Promise.all(
      Array.from({ length: options.writeConnections }, () => open(durableSettings, false)),
    );
    const notifications = await keep(openNotifications({ url: options.url, name }));
    const pool = openPool({
      url: options.url,
      name,
      max: slowLaneConnections,
      settings: { ...planSettings, statement_timeout, ...durableSettings, lock_timeout: 2_000 },
      connectTimeoutMs: 5_000,
    });
    pool.on("connect", (client) => client.on("error", ignoreLoss));
    opened.push({ close: () => pool.end() });
    return {
      read,
      write,
      transaction: (work) => runTransaction(pool, work),
      listen: notifications.listen,
      notify: notifications.notify,
      isClosed: () => isClosed,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const slowLaneConnections = 2;

/** Whoever uses the client is told by its statements; without a listener the event would end the process. */
function ignoreLoss(): void {}
