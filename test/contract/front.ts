/** Servers with an open port, over one database with a clock that cases move, and the transports of the two fronts. */
import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { silentLogger } from "../../src/engine/logger.js";
import { openFront } from "../../src/server/front/front.js";
import { createMetrics } from "../../src/server/metrics.js";
import { createService } from "../../src/service/service.js";
import {
  openTestCluster,
  type TestCluster,
  type TestServer,
  type TestServerOptions,
} from "../support/engine.js";

/** By which protocol a client calls. */
export type Protocol = "gRPC" | "Connect";

/** A server that can be called. */
export interface CalledServer {
  readonly server: TestServer;
  readonly transport: Transport;
  /** Closes the port; the engine goes on. */
  closePort(): Promise<void>;
}

/** One database with a server that all cases share. */
export interface ContractHouse {
  readonly protocol: Protocol;
  readonly cluster: TestCluster;
  readonly main: CalledServer;
  /** Opens one more server, for a case that needs its own. The house closes it. */
  open(options?: TestServerOptions): Promise<CalledServer>;
  close(): Promise<void>;
}

/** Opens a database, and a server on it. */
export async function openHouse(protocol: Protocol): Promise<ContractHouse> {
  const cluster = await openTestCluster();
  const opened: CalledServer[] = [];

  async function open(options: TestServerOptions = {}): Promise<CalledServer> {
    const server = await cluster.open(options);
    const metrics = createMetrics();
    const maxRequestBytes = options.maxRequestBytes ?? 4 * 1024 * 1024;
    const { operations: engine } = server;
    const service = createService({ engine, logger: silentLogger, metrics: metrics.calls, maxRequestBytes });
    const front = await openFront({
      host: "127.0.0.1",
      port: 0,
      service,
      logger: silentLogger,
      metrics,
      isReady: () => engine.isReady(),
    });
    const called = {
      server,
      transport: transportTo(protocol, `http://${front.address}`),
      closePort: () => front.stop(1_000),
    };
    opened.push(called);
    return called;
  }

  const main = await open();
  return {
    protocol,
    cluster,
    main,
    open,
    async close() {
      await Promise.all(opened.map((one) => one.closePort()));
      await cluster.close();
    },
  };
}

function transportTo(protocol: Protocol, baseUrl: string): Transport {
  return protocol === "gRPC"
    ? createGrpcTransport({ baseUrl })
    : createConnectTransport({ baseUrl, httpVersion: "1.1" });
}
