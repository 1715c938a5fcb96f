/** A process that cleans up behind a test server, also where the process of the test is killed and can't. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** What waits for its end. */
export interface Guard {
  /** Cleans up. Resolves when all is gone. */
  end(): Promise<void>;
}

/** Stops the Postgres of a folder, if it still runs, and removes the folder and its data. Plain JavaScript, for a Node of its own. */
const script = `
const { readFileSync, rmSync } = require("node:fs");
const { resolve } = require("node:path");
const folder = process.argv[1];
const read = (file) => { try { return readFileSync(file, "utf8"); } catch { return ""; } };
const signal = (pid, name) => { try { return process.kill(pid, name); } catch { return false; } };
const cleanUp = async () => {
  const { home = ".", dataDir = "data" } = JSON.parse(read(resolve(folder, "postgres.json")) || "{}");
  const pid = Number.parseInt(read(resolve(folder, home, dataDir, "postmaster.pid")), 10);
  for (let tries = 0; pid > 0 && tries < 200 && signal(pid, tries === 0 ? "SIGINT" : tries === 100 ? "SIGQUIT" : 0); tries++)
    await new Promise((next) => setTimeout(next, 50));
  for (const path of [resolve(folder, home), folder]) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
};
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => {});
process.stdin.on("end", () => cleanUp().finally(() => process.exit()));
process.stdin.resume();
`;

/** Starts a guard of a folder: it goes to work when it is told to, or this process is gone. */
export function startGuard(folder: string): Guard {
  const child: ChildProcess = spawn(process.execPath, ["-e", script, folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  // A test that forgets its server ends nevertheless; one that waits for the end does not.
  child.unref();
  return {
    async end() {
      child.ref();
      child.stdin?.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}
