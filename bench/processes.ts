/** The processes of a benchmark. Whatever happens, none of them outlives it. */
import { type ChildProcess, fork } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const running = new Set<ChildProcess>();

process.on("exit", endProcesses);

/** Tells all of them to end. */
export function endProcesses(): void {
  for (const child of running) askToEnd(child);
}

/** Only once: at a second signal a server ends at once, and leaves its Postgres to whoever comes next. */
function askToEnd(child: ChildProcess): void {
  if (!child.killed) child.kill("SIGTERM");
}

/** Counts a process among those that end with this one. */
export function own(child: ChildProcess): void {
  running.add(child);
  child.once("exit", () => running.delete(child));
}

/** How to start a program. */
export interface ProgramOptions {
  /** More arguments for node. */
  readonly nodeArguments?: readonly string[];
  /** True if what it imports as "pawl" is the compiled package, as it is for users, and not its source. */
  readonly usesPackage?: boolean;
}

const packageConfig = fileURLToPath(new URL("tsconfig.package.json", import.meta.url));

/** Starts one of the benchmark's own programs and waits until it is ready. */
export async function startProgram(
  file: string,
  args: readonly string[],
  { nodeArguments = [], usesPackage = false }: ProgramOptions = {},
): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv: [...process.execArgv, ...nodeArguments],
    env: { ...process.env, ...(usesPackage && { TSX_TSCONFIG_PATH: packageConfig }) },
  });
  own(child);
  await answerOf(child);
  return child;
}

/** Asks a program and waits for its answer, whose shape is agreed on between the two files. */
export async function ask<Question extends object, Answer>(
  child: ChildProcess,
  question: Question,
): Promise<Answer> {
  const answer = answerOf(child);
  child.send(question);
  return (await answer) as Answer;
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = () =>
      reject(new Error(`${child.spawnargs.slice(1).join(" ")} ended early; it says why above`));
    child.once("exit", onExit);
    child.once("message", (message) => {
      child.off("exit", onExit);
      resolve(message);
    });
  });
}

/** Tells a process to end and waits until it has; one that does not is killed. */
export async function stopProcess(child: ChildProcess, patienceMs = 20_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  askToEnd(child);
  await ended;
  clearTimeout(timer);
}

/** Processor time that a process has used so far, in milliseconds; 0 where the system does not tell. */
export function processorMs(pid: number | undefined, options: { withChildren: boolean }): number {
  if (pid === undefined || process.platform !== "linux") return 0;
  const stats = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readStat)
    .filter((stat) => stat.pid === pid || (options.withChildren && stat.parent === pid));
  return stats.reduce((sum, { ticks }) => sum + ticks, 0) * 10;
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Hundredths of a second, ended children included. */
  readonly ticks: number;
}

function readStat(name: string): Stat[] {
  try {
    const text = readFileSync(`/proc/${name}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    return [{ pid: Number(name), parent: Number(fields[1]), ticks }];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}
