/** Measures the TypeScript SDK's worker on a real server: `make bench-sdk`. Ends with an error beyond a bound. */
import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Client, createClient } from "../../src/sdk/client/index.js";
import { type Bounded, beyondBounds, describeBounded } from "../bounds.js";
import { median, round } from "../figures.js";
import { outDir } from "../folder.js";
import { ask, startProgram, stopProcess } from "../processes.js";
import { runBenchmark } from "../run.js";
import { withServer } from "../stage.js";
import type { Kinds, WorkerFigures } from "./worker.js";
import { stepByStep, waiting } from "./workflows.js";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "20" },
    "idle-seconds": { type: "string", default: "60" },
    cached: { type: "string", default: "10000" },
    steps: { type: "string", default: "10000" },
    profile: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});
const seconds = Number(flags.seconds);
const activeRuns = 256;
const shortSteps = 100;

/** What is measured, by name. Each has the server to itself. */
const measurements: Readonly<Record<string, (address: string, client: Client) => Promise<Bounded[]>>> = {
  tasks: measureTasks,
  idle: measureIdle,
  memory: measureMemory,
  steps: measureSteps,
  takeover: measureTakeover,
};

await runBenchmark(() =>
  withServer({ flags: positionals, isProfiled: flags.profile }, async ({ server }) => {
    const client = createClient({ address: server.address });
    const figures: Bounded[] = [];
    for (const [name, measure] of Object.entries(measurements)) {
      if (flags.only === "" || flags.only.split(",").includes(name))
        figures.push(...(await measure(server.address, client)));
    }
    client.close();
    console.log(`\n${describeBounded(figures)}\n`);
    return beyondBounds(figures);
  }),
);

/** Processor time of the worker for each workflow task, with so many runs active that batches fill: activities in the same process, and in another one. */
async function measureTasks(address: string, client: Client): Promise<Bounded[]> {
  const figures: Bounded[] = [];
  for (const kinds of [["both"], ["workflows", "activities"]] as const) {
    const workers = await Promise.all(kinds.map((kind) => startWorker(address, kind)));
    const [first] = workers;
    const last = workers.at(-1);
    if (first === undefined || last === undefined) throw new Error("there is no worker");
    const starts = Array.from({ length: activeRuns }, () => ({ workflow: stepByStep, input: 100_000 }));
    const started = await client.startMany(starts);
    await delay(3_000);
    const before = [await figuresOf(first), await figuresOf(last)] as const;
    await delay(seconds * 1_000);
    const after = [await figuresOf(first), await figuresOf(last)] as const;
    // Each activity that ends is a workflow task.
    const tasks = after[1].activities - before[1].activities;
    const cpuMs = after[0].cpuMs - before[0].cpuMs;
    const isAlone = kinds.length > 1;
    console.log(
      `${activeRuns} runs active, ${isAlone ? "workflows alone" : "with activities"}: ${Math.round(tasks / seconds)} workflow tasks/s`,
    );
    figures.push({
      what: isAlone ? "CPU a workflow task, activities elsewhere" : "CPU a workflow task and its activity",
      value: cpuMs / tasks,
      bound: 0.3,
      unit: "ms",
    });
    for (const one of started) if (one.status === "fulfilled") await one.value.terminate();
    await Promise.all(workers.map((worker) => stopProcess(worker)));
  }
  return figures;
}

async function measureIdle(address: string): Promise<Bounded[]> {
  const idleSeconds = Number(flags["idle-seconds"]);
  const worker = await startWorker(address);
  // V8 takes that long to collect, bit by bit, what starting has left behind.
  await delay(30_000);
  const before = await figuresOf(worker);
  await delay(idleSeconds * 1_000);
  const after = await figuresOf(worker);
  await stopProcess(worker);
  const value = (after.cpuMs - before.cpuMs) / (idleSeconds * 10);
  return [{ what: "an idle worker", value, bound: 0.5, unit: "% of a core" }];
}

/** What runs that wait for a signal add to the worker's memory, beside a worker that has had as few as it takes to have loaded all code. */
async function measureMemory(address: string, client: Client): Promise<Bounded[]> {
  const worker = await startWorker(address);
  const runs = Number(flags.cached);
  const startAndWait = async (count: number) => {
    const before = (await figuresOf(worker)).activities;
    await client.startMany(Array.from({ length: count }, () => ({ workflow: waiting, input: undefined })));
    while ((await figuresOf(worker)).activities - before < 3 * count) await delay(100);
    await delay(2_000);
    return (await figuresOf(worker)).residentBytes;
  };
  const before = await startAndWait(100);
  const after = await startAndWait(runs);
  await stopProcess(worker);
  const value = (after - before) / 1024 / 1024;
  return [{ what: `${runs} cached runs of 22 events`, value, bound: 500, unit: "MB" }];
}

/** What a step of a long run costs beside one of a short run: in time and in the worker's processor time. */
async function measureSteps(address: string, client: Client): Promise<Bounded[]> {
  const longSteps = Number(flags.steps);
  const worker = await startWorker(address);
  const cost = async (steps: number) => {
    const before = await figuresOf(worker);
    const begin = performance.now();
    await client.execute(stepByStep, steps);
    const ms = (performance.now() - begin) / steps;
    return { ms, cpuMs: ((await figuresOf(worker)).cpuMs - before.cpuMs) / steps };
  };
  const short = async () => {
    const costs = [];
    for (let run = 0; run < 10; run++) costs.push(await cost(shortSteps));
    return costs;
  };
  await short();
  // Before and after the long one, so that a slower machine meanwhile does not count.
  const shorts = await short();
  const long = await cost(longSteps);
  shorts.push(...(await short()));
  await stopProcess(worker);
  const ms = median(shorts.map((one) => one.ms));
  const cpuMs = median(shorts.map((one) => one.cpuMs));
  console.log(
    `a step of a run of ${longSteps}: ${round(long.ms)} ms, ${round(long.cpuMs)} ms of the worker; of ${shortSteps}: ${round(ms)} ms, ${round(cpuMs)} ms`,
  );
  return [
    {
      what: `a step of ${longSteps} beside one of ${shortSteps}, time`,
      value: long.ms / ms,
      bound: 1.2,
      unit: "x",
    },
    {
      what: `a step of ${longSteps} beside one of ${shortSteps}, CPU`,
      value: long.cpuMs / cpuMs,
      bound: 1.2,
      unit: "x",
    },
  ];
}

/** From the claim of a run by another worker, since its own was killed, to the first task that this one completes. */
async function measureTakeover(address: string, client: Client): Promise<Bounded[]> {
  const steps = Number(flags.steps);
  const first = await startWorker(address);
  const handle = await client.start(stepByStep, steps);
  while ((await figuresOf(first)).activities < 0.9 * steps) await delay(50);
  first.kill("SIGKILL");
  const second = await startWorker(address);
  await client.result(handle.workflowId);
  await stopProcess(second);
  const claims = new Map<string, number>();
  const workers = new Set<string>();
  let value = Number.NaN;
  for await (const { kind, eventTime } of client.history(handle.workflowId)) {
    const at = Number(eventTime?.seconds ?? 0n) * 1_000 + (eventTime?.nanos ?? 0) / 1e6;
    if (kind.case === "workflowTaskStarted") {
      if (!claims.has(kind.value.workerId)) claims.set(kind.value.workerId, at);
    } else if (kind.case === "workflowTaskCompleted" && !workers.has(kind.value.workerId)) {
      workers.add(kind.value.workerId);
      value = at - (claims.get(kind.value.workerId) ?? Number.NaN);
    }
  }
  if (workers.size !== 2) throw new Error(`the run was worked on by ${workers.size} workers and not two`);
  return [
    {
      what: `a run of ${steps} goes on behind another worker's claim`,
      value: value / 1_000,
      bound: 5,
      unit: "s",
    },
  ];
}

function startWorker(address: string, kinds: Kinds = "both"): Promise<ChildProcess> {
  const nodeArguments = flags.profile ? ["--cpu-prof", `--cpu-prof-dir=${outDir}`] : [];
  return startProgram("sdk/worker.ts", [address, kinds], { nodeArguments, usesPackage: true });
}

function figuresOf(worker: ChildProcess): Promise<WorkerFigures> {
  return ask<object, WorkerFigures>(worker, {});
}
