/** A real server within the test, on a database of its own, and workers and clients of it. */
import { afterAll, beforeAll } from "vitest";
import { defaultLimits, type Limits } from "../../src/core/limits.js";
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
  /** Stops the server, which breaks all connections, and starts another on the same port and database. */
  restart(): Promise<void>;
  /** Starts a worker, which stops with the tests. */
  work(options: WorkerOptions): Promise<Worker>;
}

/** Opens a server before the tests of a file and closes it behind them. */
export function useRealServer(limits: Partial<Limits> = {}): RealServer {
  const workers: Worker[] = [];
  let opened: Awaited<ReturnType<typeof open>> | undefined;
  const server = () => {
    if (opened === undefined) throw new Error("the server is there once the tests run");
    return opened;
  };
  beforeAll(async () => {
    opened = await open({ ...defaultLimits, ...limits });
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
    restart: () => server().restart(),
    async work(options) {
      const logger = { info() {}, warn() {} };
      const worker = createWorker({ address: server().address, logger, drainMs: 500, ...options });
      workers.push(worker);
      await worker.start();
      return worker;
    },
  };
}

async function open(limits: Limits) {
  const cluster = await openTestCluster();
  let running = await serve(cluster, limits, 0);
  const { address, port } = running;
  const client = createClient({ address });
  return {
    cluster,
    client,
    address,
    async restart() {
      await running.stop();
      running = await serve(cluster, limits, port);
    },
    async close() {
      client.close();
      await running.stop();
      await cluster.close();
    },
  };
}

async function serve(cluster: TestCluster, limits: Limits, port: number) {
  const engine = await cluster.open({ limits });
  const metrics = createMetrics();
  const service = createService({
    engine: engine.operations,
    logger: silentLogger,
    metrics: metrics.calls,
    maxRequestBytes: 4 * 1024 * 1024,
  });
  const isReady = async () => true;
  const parts = { host: "127.0.0.1", port, service, logger: silentLogger, metrics, isReady };
  const front = await openFront(parts);
  const stopLoops = startLoops(engine.upkeep, { slowPollMs: 5_000, rereadMs: 5_000 }, silentLogger);
  return {
    address: front.address,
    port: front.port,
    async stop() {
      await front.stop(1_000);
      await stopLoops();
      await engine.stop();
    },
  };
}
