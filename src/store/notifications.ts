/** Messages between servers, by Postgres's LISTEN and NOTIFY, on a connection of their own. */
import { openReconnecting } from "./connection.js";
import { ConnectionLostError, DatabaseUnavailableError } from "./errors.js";
import type { Queryable, Statement } from "./statement.js";

/** Sends and hears hints. Any of them may be lost: nothing may depend on one. */
export interface Notifications {
  /** Calls `hear` with the payload of each notification of a channel, this server's own included, until it is stopped. */
  listen(channel: string, hear: (payload: string) => void): Promise<() => void>;
  notify(channel: string, payload: string): Promise<void>;
}

/** Opens the connection. It listens again after it was lost. */
export async function openNotifications(options: {
  url: string;
  name: string;
}): Promise<Notifications & { close(): Promise<void> }> {
  const hearers = new Map<string, Set<(payload: string) => void>>();
  const connection = await openReconnecting({
    ...options,
    pipeline: true,
    settings: { synchronous_commit: "off" },
    connectTimeoutMs: 5_000,
    onOpen: async (client) => {
      client.on("notification", ({ channel, payload }) => {
        for (const hear of hearers.get(channel) ?? []) hear(payload ?? "");
      });
      for (const channel of hearers.keys()) await client.query(listenText(channel));
    },
  });
  return {
    listen: async (channel, hear) => {
      const known = hearers.get(channel);
      const its = known ?? new Set();
      its.add(hear);
      hearers.set(channel, its);
      if (known === undefined) await startListening(connection, channel);
      return () => {
        its.delete(hear);
      };
    },
    notify: async (channel, payload) => {
      await connection.query(notifyStatement, [channel, payload]);
    },
    close: () => connection.close(),
  };
}

/** Where the connection is down it will listen once it is back. */
async function startListening(connection: Queryable, channel: string): Promise<void> {
  try {
    await connection.query({ name: `listen_${channel}`, text: listenText(channel) }, []);
  } catch (error) {
    const isDown = error instanceof DatabaseUnavailableError || error instanceof ConnectionLostError;
    if (!isDown) throw error;
  }
}

const notifyStatement: Statement = { name: "notify", text: "select pg_notify($1, $2)" };

function listenText(channel: string): string {
  return `listen "${channel.replaceAll('"', '""')}"`;
}
