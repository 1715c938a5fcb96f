/** What the small examples share: a worker and a client in one process, which in life are two. */
import { parseArgs } from "node:util";
import { type Client, createClient, defaultAddress } from "../src/sdk/client/index.js";
import { createWorker, type WorkerOptions } from "../src/sdk/worker/index.js";

/** Starts a worker at the server of `--address`, lets the example talk to it, and ends both. */
export async function runExample(
  options: Omit<WorkerOptions, "address"> & { readonly taskQueue: string },
  play: (client: Client, taskQueue: string) => Promise<void>,
): Promise<void> {
  const { values } = parseArgs({
    options: { address: { type: "string", default: defaultAddress } },
    allowPositionals: true,
  });
  const { address } = values;
  const worker = createWorker({ address, ...options });
  const client = createClient({ address });
  await worker.start();
  try {
    await play(client, options.taskQueue);
  } finally {
    client.close();
    await worker.stop();
  }
}
