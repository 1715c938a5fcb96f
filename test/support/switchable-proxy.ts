/** A port in front of servers, as a load balancer would be: connections go to one server until they are told to go to another. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** An open port. */
export interface SwitchableProxy {
  readonly address: string;
  /** From now on connections go there. Those that are open stay where they are. */
  switchTo(port: number): void;
  /** Breaks all connections that are open. */
  cut(): void;
  close(): Promise<void>;
}

/** Opens a port whose connections go to a port of this machine. */
export async function openSwitchableProxy(port: number): Promise<SwitchableProxy> {
  let target = port;
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => undefined);
      from.once("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    switchTo(port) {
      target = port;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
