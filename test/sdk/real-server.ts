/** A real server within the test, on a database of its own, and workers and clients of it. */
import { afterAll, beforeAll } from "vitest";
import { silentLogger } from "../../src/engine/logger.js";
import { startLoops } from "../../src/loops/start-loops.js";
import { type Client, createClient } from "../../src/sdk/client/index.js";
import { createWorker, type Worker, type WorkerOptions } from "../../src/sdk/worker/index.js";
import { openFront } from "../../src/server/front/front.js";
import { createMetrics } from "../../src/server/metrics.js";
import { createService } from "../../src/service/service.js";
import { openTestCluster, type TestCluster } from "../support/engine.js";

/** A server that is there for the tests of a file. */
export interface RealServer {
  readonly cluster: TestCluster;
  readonly client: Client;
  readonly address: string;
  /** Starts a worker, which stops with the tests. */
  work(options: WorkerOptions): Promise<Worker>;
}

/** Opens a server before the tests of a file and closes it behind them. */
export function useRealServer(): RealServer {
  const workers: Worker[] = [];
  let opened: { cluster: TestCluster; client: Client; address: string; close(): Promise<void> } | undefined;
  const server = () => {
    if (opened === undefined) throw new Error("the server is there once the tests run");
    return opened;
  };
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await opened?.close();
  });
  return {
    get cluster() {
      return server().cluster;
    },
    get client() {
      return server().client;
    },
    get address() {
      return server().address;
    },
    async work(options) {
      const logger = { info() {}, warn() {} };
      const worker = createWorker({ address: server().address, logger, drainMs: 500, ...options });
      workers.push(worker);
      await worker.start();
      return worker;
    },
  };
}

async function open() {
  const cluster = await openTestCluster();
  const engine = await cluster.open();
  const metrics = createMetrics();
  const service = createService({
    engine: engine.operations,
    logger: silentLogger,
    metrics: metrics.calls,
    maxRequestBytes: 4 * 1024 * 1024,
  });
  const isReady = async () => true;
  const parts = { host: "127.0.0.1", port: 0, service, logger: silentLogger, metrics, isReady };
  const front = await openFront(parts);
  const stopLoops = startLoops(engine.upkeep, { slowPollMs: 5_000, rereadMs: 5_000 }, silentLogger);
  const client = createClient({ address: front.address });
  return {
    cluster,
    client,
    address: front.address,
    async close() {
      client.close();
      await front.stop(1_000);
      await stopLoops();
      await cluster.close();
    },
  };
}
