/** A way to Postgres that a test can cut on this side alone: what a backend was doing there goes on. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** An open way. */
export interface CuttableLink {
  /** The connection string that goes this way. */
  readonly url: string;
  /** Ends all connections here; Postgres does not notice until it answers. */
  cut(): void;
  close(): Promise<void>;
}

/** Opens a way to the Postgres of a connection string that names a folder of sockets. */
export async function openCuttableLink(url: string): Promise<CuttableLink> {
  const target = new URL(url);
  const folder = target.searchParams.get("host") ?? decodeURIComponent(target.hostname);
  const port = target.searchParams.get("port") ?? (target.port || "5432");
  const near = new Set<Socket>();
  const far = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect({ path: `${folder}/.s.PGSQL.${port}` });
    near.add(incoming);
    far.add(outgoing);
    incoming.on("error", () => undefined);
    outgoing.on("error", () => undefined);
    incoming.on("data", (bytes) => outgoing.write(bytes));
    outgoing.on("data", (bytes) => {
      if (!incoming.destroyed) incoming.write(bytes);
    });
    outgoing.once("close", () => {
      far.delete(outgoing);
      incoming.destroy();
    });
    incoming.once("end", () => outgoing.end());
    incoming.once("close", () => near.delete(incoming));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const here = (server.address() as AddressInfo).port;
  const user = target.searchParams.get("user") ?? target.username;
  const own = `postgresql://${user}@127.0.0.1:${here}${target.pathname}`;
  return {
    url: own,
    cut: () => {
      for (const socket of near) socket.destroy();
    },
    async close() {
      for (const socket of [...near, ...far]) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
