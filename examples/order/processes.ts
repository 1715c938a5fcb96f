/** The processes of the example: a server and a worker. */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** A process that was started. */
export interface Running {
  /** Resolves when it has ended, with how. */
  readonly ended: Promise<string>;
  /** Tells it to end, and waits until it has. May be called twice. */
  stop(): Promise<void>;
}

const host = "127.0.0.1";
const patienceMs = 30_000;
const fileAt = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Starts a server with its own Postgres. */
export function startServer(port: number, dataDir: string): Running {
  const flags = ["--host", host, "--port", String(port), "--data-dir", dataDir, "--log-level", "warn"];
  return start([fileAt("../../bin/pawl.js"), "serve", ...flags]);
}

/** Starts a worker for orders. */
export function startWorker(address: string, ledger: string): Running {
  return start(["--import", "tsx", fileAt("./worker.ts"), "--address", address, "--ledger", ledger]);
}

/** Whether nobody listens on a port. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}

function start(args: readonly string[]): Running {
  // A group of its own: Ctrl-C reaches this process alone, which then ends the others in order.
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"], detached: true });
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
    child.once("error", (error) => resolve(error.message));
  });
  return { ended, stop: () => endProcess(child, ended) };
}

async function endProcess(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  await ended;
  clearTimeout(timer);
}
