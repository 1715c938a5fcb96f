/** A worker as a process of its own. */
import { createWorker, type WorkerOptions } from "./worker.js";

/** Runs a worker until the process is told to end (SIGTERM or SIGINT) or the server drains it, and resolves when it has drained. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const worker = createWorker(options);
  const told = new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  const ended = Promise.race([told, worker.stopped]);
  try {
    await Promise.race([worker.start().then(() => ended), ended]);
  } finally {
    await worker.stop();
  }
}
