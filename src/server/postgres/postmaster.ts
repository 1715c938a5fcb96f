import { link, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** The process id in Postgres's own lock file, or undefined where none runs. */
export async function readPostmasterPid(dataDir: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** Stops Postgres, whoever started it, and resolves when it is gone. Clients that are still there are cut off. */
export async function stopPostmaster(dataDir: string, options: { patienceMs: number }): Promise<void> {
  const pid = await readPostmasterPid(dataDir);
  if (pid === undefined || !signal(pid, "SIGINT")) return;
  const patience = Date.now() + options.patienceMs;
  let isPressed = false;
  // The file goes before the process does, and a process that nobody reaps never goes: so neither alone tells.
  while ((await readPostmasterPid(dataDir)) === pid && (await isRunning(pid))) {
    if (!isPressed && Date.now() > patience) isPressed = signal(pid, "SIGQUIT");
    await delay(10);
  }
  const end = Date.now() + 1_000;
  while ((await isRunning(pid)) && Date.now() < end) await delay(5);
}

/**
 * Removes a lock file whose process id now belongs to something else, which Postgres cannot tell after a crash of the
 * machine or the container. It is renamed first: should another server have started Postgres in between, its file is
 * put back.
 */
export async function clearStalePid(dataDir: string): Promise<void> {
  const pid = await readPostmasterPid(dataDir);
  if (pid === undefined || !(await isSomethingElse(pid))) return;
  const file = join(dataDir, "postmaster.pid");
  const aside = join(dataDir, `postmaster.pid-${process.pid}`);
  await rename(file, aside).catch(() => undefined);
  const taken = Number.parseInt(await readFile(aside, "utf8").catch(() => ""), 10);
  if (taken !== pid) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}

/** Told by the program's name; where the system does not give it, nothing is. */
async function isSomethingElse(pid: number): Promise<boolean> {
  const program = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
  return program !== "" && program.trim() !== "postgres";
}

/** Whether the process runs. One that has ended and that nobody has reaped yet does not. */
export async function isRunning(pid: number): Promise<boolean> {
  if (!signal(pid, 0)) return false;
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return !/\) [ZX] /.test(status);
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}
