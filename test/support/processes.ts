/** Real processes for tests. Whatever happens, even to the test run itself, none of them and nothing of their data outlives it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, realpath } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readPostmasterPid } from "../../src/server/postgres/postmaster.js";

/** How a process ended: by itself with a code, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that was started. */
export interface TestProcess {
  readonly pid: number;
  /** What it has written so far to both outputs. */
  output(): string;
  /** What it has written so far to its standard output. */
  standardOutput(): string;
  /** Resolves when the output matches; rejects when the process ends first, or when it takes too long. */
  waitForOutput(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  readonly ended: Promise<Ending>;
  /** Sends a signal. To a process that has ended it does nothing. */
  signal(name: NodeJS.Signals): void;
  /** Tells it to end in order, and waits until it has. */
  stop(): Promise<Ending>;
  /** Ends it at once, and waits until it is gone. */
  kill(): Promise<Ending>;
}

/** A running `pawl serve`. */
export interface ServerProcess extends TestProcess {
  /** Host and port. */
  readonly address: string;
  readonly port: number;
  /** The process id of its embedded Postgres at this moment; throws while there is none. */
  postmasterPid(): Promise<number>;
}

/** How to start a server. */
export interface ServerOptions {
  /** Left out: a free one. */
  readonly port?: number;
  /** The folder of its Postgres, within the sandbox. Servers of the same name share it. Default "data". */
  readonly data?: string;
  /** A database to use instead of a Postgres of its own, which starts faster. */
  readonly databaseUrl?: string;
  /** More flags. */
  readonly flags?: readonly string[];
}

/** How to run a program. */
export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** A folder, and the processes that work in it. */
export interface Sandbox {
  readonly folder: string;
  /** Starts a server and waits until it answers. */
  startServer(options?: ServerOptions): Promise<ServerProcess>;
  /** Starts a worker of the example, whose ledger is in the sandbox. */
  startOrderWorker(address: string): TestProcess;
  /** Runs a file of the repository, TypeScript or not, with Node. Its arguments must name something in the sandbox, by which it is found at the end. */
  runNode(file: string, args: readonly string[], options?: RunOptions): TestProcess;
  /** Runs any program; the same holds for its arguments. */
  run(command: string, args: readonly string[], options?: RunOptions): TestProcess;
  /** Where the worker of the example keeps its ledger. */
  readonly ledgerFolder: string;
  /** The last of what each process wrote, for whoever has to find out why a test failed. */
  tell(): string;
  /** Ends all that still runs, and removes the folder. */
  close(): Promise<void>;
}

const repository = fileURLToPath(new URL("../../", import.meta.url));
const defaultPatienceMs = 30_000;
const toldChars = 6_000;

/** Makes a sandbox. */
export async function openSandbox(): Promise<Sandbox> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "pawl-e2e-")));
  // Where Postgres runs as another user, it must be able to enter.
  await chmod(folder, 0o755);
  const guard = startGuard(folder);
  const ledgerFolder = join(folder, "ledger");
  const told: { command: string; process: TestProcess }[] = [];
  const run = (command: string, args: readonly string[], options: RunOptions = {}) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? repository,
      env: cleanEnvironment(options.env),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const process = watch(child);
    told.push({ command: [command, ...args].join(" "), process });
    return process;
  };
  const runNode = (file: string, args: readonly string[], options?: RunOptions) =>
    run(process.execPath, ["--import", "tsx", join(repository, file), ...args], options);
  return {
    folder,
    ledgerFolder,
    run,
    runNode,
    startOrderWorker: (address) =>
      runNode("examples/order/worker.ts", ["--address", address, "--ledger", ledgerFolder]),
    async startServer(options = {}) {
      const port = options.port ?? (await freePort());
      const dataDir = join(folder, options.data ?? "data");
      const flags = ["--port", String(port), "--data-dir", dataDir, "--log-format", "json"];
      // The Postgres of the test run has fsync off.
      if (options.databaseUrl !== undefined)
        flags.push("--database-url", options.databaseUrl, "--allow-unsafe-fsync");
      const child = runNode("src/cli/main.ts", ["serve", ...flags, ...(options.flags ?? [])]);
      const [, address = ""] = await child.waitForOutput(/"address":"([^"]+)","message":"Pawl serves"/);
      return { ...child, address, port, postmasterPid: () => postmasterPid(child) };
    },
    tell: () =>
      told.map(({ command, process }) => `$ ${command}\n${process.output().slice(-toldChars)}`).join("\n"),
    async close() {
      guard.stdin?.end();
      if (guard.exitCode === null) await once(guard, "exit");
    },
  };
}

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/**
 * A shell that waits for the pipe from this process to close, be it by `close` or by the death of this process, and then ends every process
 * whose command line names the folder, however it came to be, and removes the folder. Postgres is told to quit, so that it frees its shared memory.
 */
function startGuard(folder: string): ChildProcess {
  const script = `
    trap '' INT TERM HUP
    while read -r line; do :; done
    list() {
      for file in /proc/[0-9]*/cmdline; do
        if grep -qsF -- "$PAWL_SANDBOX" "$file"; then pid=\${file#/proc/}; echo "\${pid%/cmdline}"; fi
      done
    }
    tries=0
    while pids=$(list) && [ -n "$pids" ] && [ $tries -lt 200 ]; do
      for pid in $pids; do
        signal=KILL
        if [ $tries -lt 100 ] && [ "$(cat /proc/$pid/comm 2>/dev/null)" = postgres ]; then signal=QUIT; fi
        kill -$signal $pid 2>/dev/null
      done
      tries=$((tries + 1))
      sleep 0.05
    done
    rm -rf -- "$PAWL_SANDBOX"`;
  return spawn("/bin/sh", ["-c", script], {
    env: { PATH: process.env.PATH, PAWL_SANDBOX: folder },
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
}

/** Settings of whoever runs the tests must not reach the processes, nor what the test runner sets for itself. */
function cleanEnvironment(additions: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(PAWL_|VITEST|NODE_OPTIONS$|NODE_ENV$|NODE_V8_COVERAGE$|ONCE$|MAKE)/.test(name),
  );
  return { ...Object.fromEntries(kept), ...additions };
}

async function postmasterPid(server: TestProcess): Promise<number> {
  const dataDir = /"dataDir":"([^"]+)"/.exec(server.output())?.[1] ?? "";
  const pid = await readPostmasterPid(dataDir);
  if (pid === undefined) throw new Error(`no Postgres runs in ${dataDir}`);
  return pid;
}

function watch(child: ChildProcess): TestProcess {
  let output = "";
  let standardOutput = "";
  const listeners = new Set<() => void>();
  const onText = (text: string) => {
    output += text;
    for (const listener of listeners) listener();
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    standardOutput += text;
    onText(text);
  });
  child.stderr?.setEncoding("utf8").on("data", onText);
  const ended = new Promise<Ending>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
    child.once("error", (error) => onText(error.message));
  });
  const signal = (name: NodeJS.Signals) => void child.kill(name);
  const end = (name: NodeJS.Signals) => {
    signal(name);
    return ended;
  };

  function waitForOutput(pattern: RegExp, withinMs = defaultPatienceMs): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        listeners.delete(look);
        act();
      };
      const fail = (why: string) =>
        settle(() => reject(new Error(`${why} before it wrote ${pattern}; it wrote:\n${output}`)));
      const look = () => {
        const match = pattern.exec(output);
        if (match !== null) settle(() => resolve(match));
      };
      const timer = setTimeout(() => fail(`${withinMs} ms passed`), withinMs);
      listeners.add(look);
      void ended.then(({ code, signal }) => fail(`the process ended (${signal ?? `code ${code}`})`));
      look();
    });
  }

  return {
    pid: child.pid ?? 0,
    output: () => output,
    standardOutput: () => standardOutput,
    waitForOutput,
    ended,
    signal,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}
