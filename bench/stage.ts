/** A durable server with a connection to its database, for as long as something is measured. */
import type pg from "pg";
import { connect, requireDurable } from "./database.js";
import { inNewFolder, outDir } from "./folder.js";
import { type Server, startServer } from "./server.js";

/** A server and its database. */
export interface Measurable {
  readonly server: Server;
  readonly database: pg.Client;
}

/** How to start it. */
export interface ServerSettings {
  /** More flags for `pawl serve`. */
  readonly flags: readonly string[];
  /** Write a profile of the server's processor time to `bench/out`. */
  readonly isProfiled: boolean;
}

/** Starts a server on an empty database in a new folder, and ends and removes it all when the work is done. */
export function withServer<T>(
  { flags, isProfiled }: ServerSettings,
  work: (measurable: Measurable) => Promise<T>,
): Promise<T> {
  return inNewFolder(async (dir) => {
    const nodeArguments = isProfiled ? ["--cpu-prof", `--cpu-prof-dir=${outDir}`] : [];
    const server = await startServer({ dir, flags, nodeArguments });
    let database: pg.Client | undefined;
    try {
      database = await connect(server.databaseUrl);
      await requireDurable(database);
      return await work({ server, database });
    } finally {
      // A connection that was cut can't be ended in order.
      await database?.end().catch(() => undefined);
      await server.stop();
    }
  });
}
