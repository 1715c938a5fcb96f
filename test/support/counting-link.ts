/**
 * A way to Postgres that stops at a chosen message, so that a test can end the process behind it at every point of what it does there.
 *
 * Three messages of each statement count, since only they part what has happened from what has not: Execute, before which nothing is done; Sync,
 * before which nothing is committed; and the answer's ReadyForQuery, before which the process does not know.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** An open way. */
export interface CountingLink {
  /** The connection string that goes this way. */
  readonly url: string;
  /** Passes so many more of the messages that count, then nothing any more, in no direction. Resolves there, with the message that would have been next. */
  stopAfter(count: number): Promise<string>;
  close(): Promise<void>;
}

interface Message {
  /** Undefined: it does not count. */
  readonly name: string | undefined;
  readonly bytes: Buffer;
}

/** Opens a way to the Postgres of a connection string that names a folder of sockets. */
export async function openCountingLink(url: string): Promise<CountingLink> {
  const target = new URL(url);
  const folder = target.searchParams.get("host") ?? decodeURIComponent(target.hostname);
  const port = target.searchParams.get("port") ?? (target.port || "5432");
  const sockets = new Set<Socket>();
  let left = Number.POSITIVE_INFINITY;
  let isStopped = false;
  let stopped: (name: string) => void = () => undefined;

  function pass({ name, bytes }: Message, to: Socket): void {
    if (isStopped) return;
    if (name !== undefined && left === 0) {
      isStopped = true;
      stopped(name);
      return;
    }
    if (name !== undefined) left -= 1;
    if (!to.destroyed) to.write(bytes);
  }

  const server = createServer((near) => {
    const far = connect({ path: `${folder}/.s.PGSQL.${port}` });
    const splitAsked = messageSplitter(asked, true);
    const splitAnswered = messageSplitter(answered, false);
    near.on("data", (bytes) => {
      for (const message of splitAsked(bytes)) pass(message, far);
    });
    far.on("data", (bytes) => {
      for (const message of splitAnswered(bytes)) pass(message, near);
    });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined);
      from.once("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const here = (server.address() as AddressInfo).port;
  const user = target.searchParams.get("user") ?? target.username;
  return {
    url: `postgresql://${user}@127.0.0.1:${here}${target.pathname}`,
    stopAfter(count) {
      return new Promise((resolve) => {
        stopped = resolve;
        left = count;
      });
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const asked: Readonly<Record<string, string>> = { E: "Execute", S: "Sync", Q: "Query" };
const answered: Readonly<Record<string, string>> = { Z: "ReadyForQuery" };

/** Cuts what comes in pieces into messages of Postgres's protocol: a letter (which the very first message of a client lacks), a length, and the rest. */
function messageSplitter(
  names: Readonly<Record<string, string>>,
  isClient: boolean,
): (piece: Buffer) => Message[] {
  let rest = Buffer.alloc(0);
  let letters = isClient ? 0 : 1;
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    const messages: Message[] = [];
    while (rest.length >= letters + 4) {
      const end = letters + rest.readInt32BE(letters);
      if (rest.length < end) break;
      const letter = rest.toString("latin1", 0, letters);
      messages.push({ name: names[letter], bytes: rest.subarray(0, end) });
      rest = rest.subarray(end);
      letters = 1;
    }
    return messages;
  };
}
