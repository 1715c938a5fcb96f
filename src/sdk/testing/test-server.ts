/** A real server for tests: that of `pawl serve`, with a Postgres of its own. */
import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "../client/client.js";
import { createWorker, type Worker, type WorkerOptions } from "../worker/worker.js";
import { startGuard } from "./guard.js";

/** A server that runs within the process of the test. */
export interface TestServer {
  /** Host and port, for clients and workers of the test's own. */
  readonly address: string;
  /** A client of it, which is closed with it. */
  readonly client: Client;
  /** Starts a worker of it, which stops with it. Resolves once the server knows the worker. */
  work(options: Omit<WorkerOptions, "address">): Promise<Worker>;
  /** Stops workers, client and server, and removes its data; so does the end of the process. May be called twice. */
  stop(): Promise<void>;
}

/** How long workers may take to finish what they have in hand, in milliseconds. */
const drainMs = 500;

/**
 * Starts a server with an embedded Postgres on a free port of this machine, and its data in a temporary folder: for what an environment in memory can't show. It takes some
 * seconds, so start one for all tests of a file. Settings of `PAWL_` variables are not taken over. Throws why the server can't be started.
 */
export async function startTestServer(): Promise<TestServer> {
  // Loaded by this call alone, so that tests without a server do not pay for it.
  const { startServer } = await import("../../server/main.js");
  const { readConfig } = await import("../../server/config/read.js");
  const folder = await mkdtemp(join(tmpdir(), `pawl-test-server-${process.pid}-`));
  const guard = startGuard(folder);
  // Where Postgres runs as another user, that one must be able to enter.
  await chmod(folder, 0o755);
  const flags = { "--port": "0", "--data-dir": folder, "--log-level": "error" };
  const server = await startServer(readConfig({ flags, env: {} })).catch(async (error: unknown) => {
    await guard.end();
    throw error;
  });
  const address = new URL(server.url).host;
  const client = createClient({ address });
  const workers: Worker[] = [];
  let stopping: Promise<void> | undefined;

  async function stop(): Promise<void> {
    await Promise.all(workers.map((worker) => worker.stop()));
    client.close();
    await server.stop();
    await guard.end();
  }

  return {
    address,
    client,
    async work(options) {
      const worker = createWorker({ drainMs, ...options, address });
      workers.push(worker);
      await worker.start();
      return worker;
    },
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
