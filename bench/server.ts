/** The server that is measured: the compiled program in a process of its own, on an embedded Postgres in a folder of the benchmark's. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { WorkflowService } from "../gen/pawl/v1/workflow_service_pb.js";
import { own, stopProcess } from "./processes.js";
import { openCalls } from "./rpc.js";

/** The compiled program. */
const program = fileURLToPath(new URL("../dist/src/cli/main.js", import.meta.url));

/** A server in a process of its own. */
export interface Server {
  readonly address: string;
  readonly pid: number | undefined;
  /** From the start of its process to the answer to a first call, in milliseconds. */
  readonly firstAnswerMs: number;
  /** Connects to its Postgres. */
  readonly databaseUrl: string;
  /** The process id of its Postgres. */
  readonly postgresPid: number;
  /** What it counts, by name and labels. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  /** Ends it and its Postgres. */
  stop(): Promise<void>;
}

/** How to start one. */
export interface ServerOptions {
  /** The folder for the data, kept between starts. */
  readonly dir: string;
  /** More arguments for node. */
  readonly nodeArguments?: readonly string[];
  /** More flags for `pawl serve`. */
  readonly flags?: readonly string[];
}

const startsWithinMs = 60_000;

/** Ends the process with an explanation if the program is not compiled. */
export function requireProgram(): void {
  if (existsSync(program)) return;
  console.error("the program is not compiled: run the benchmark with `make`, or `make build` first");
  process.exit(2);
}

/** Starts a server and waits until it has answered a first call. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { dir, nodeArguments = [], flags = [] } = options;
  const logFile = join(dir, `server-${Date.now()}.log`);
  const log = openSync(logFile, "w");
  const begin = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...nodeArguments,
      program,
      "serve",
      "--port",
      "0",
      "--data-dir",
      join(dir, "data"),
      "--log-format",
      "json",
      ...flags,
    ],
    // A file and not a pipe: the server must be able to say its last words when the benchmark has gone.
    // A group of its own: a Ctrl-C in the terminal reaches the benchmark alone, which then ends the server.
    { stdio: ["ignore", log, log], cwd: dir, detached: true },
  );
  own(child);
  closeSync(log);
  try {
    const address = await findAddress(child, logFile);
    return {
      ...(await answerFirst({ address, begin, dir })),
      pid: child.pid,
      stop: () => stopServer(child, dir),
    };
  } catch (error) {
    await stopServer(child, dir);
    throw error;
  }
}

/** Makes the first call. */
async function answerFirst(started: {
  address: string;
  begin: number;
  dir: string;
}): Promise<Omit<Server, "pid" | "stop">> {
  const { address, begin, dir } = started;
  const { call, close } = openCalls(address);
  await call(WorkflowService.method.listWorkflows, {});
  const firstAnswerMs = performance.now() - begin;
  close();
  const layout = readLayout(dir);
  const postgresPid = readPostgresPid(dir);
  if (layout === undefined || postgresPid === undefined)
    throw new Error("the server runs without a Postgres of its own");
  return {
    address,
    firstAnswerMs,
    databaseUrl: layout.url,
    postgresPid,
    metrics: () => readMetrics(address),
  };
}

/** Ends a server. A Postgres that it left, since it had to be killed, is ended too. */
async function stopServer(child: ChildProcess, dir: string): Promise<void> {
  await stopProcess(child);
  const pid = readPostgresPid(dir);
  if (pid === undefined) return;
  process.kill(pid, "SIGINT");
  while (readPostgresPid(dir) !== undefined) await delay(20);
}

interface Layout {
  readonly url: string;
  readonly home: string;
  readonly dataDir: string;
}

/** The server notes where its Postgres is. */
function readLayout(dir: string): Layout | undefined {
  const file = join(dir, "data", "postgres.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** The process id of a Postgres that runs in the folder, from its own lock file. */
function readPostgresPid(dir: string): number | undefined {
  const layout = readLayout(dir);
  if (layout === undefined) return undefined;
  const file = join(resolve(dir, "data", layout.home), layout.dataDir, "postmaster.pid");
  return existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : undefined;
}

/** The server says in its log where it answers. */
async function findAddress(child: ChildProcess, logFile: string): Promise<string> {
  const giveUpAt = performance.now() + startsWithinMs;
  for (;;) {
    const text = readFileSync(logFile, "utf8");
    const address = /"address":"([^"]+)"/.exec(text)?.[1];
    if (address !== undefined) return address;
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      throw new Error(`the server did not start:\n${text}`);
    }
    await delay(2);
  }
}

async function readMetrics(address: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://${address}/metrics`);
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}
