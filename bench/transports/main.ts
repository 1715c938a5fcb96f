/**
 * Compares the transports of a worker: `make bench-transports`. Runs of one empty activity each are started before the worker is there; then it is measured how long it
 * takes to end them all, and what its process costs. Each transport has its turn in every round.
 */
import { createClient } from "../../src/sdk/client/index.js";
import { inNewFolder } from "../folder.js";
import { ask, startProgram, stopProcess } from "../processes.js";
import { runBenchmark } from "../run.js";
import { startServer } from "../server.js";
import { empty } from "./workflow.js";

const rounds = Number(process.env.ROUNDS ?? 5);
const runs = Number(process.env.RUNS ?? 2_000);
const transports = ["grpc", "connect"] as const;

interface Figure {
  readonly perSecond: number;
  readonly cpuMsARun: number;
}

await runBenchmark(() =>
  inNewFolder(async (dir) => {
    const server = await startServer({ dir });
    const figures = { grpc: [] as Figure[], connect: [] as Figure[] };
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? transports : transports.toReversed();
      for (const transport of order) figures[transport].push(await measure(server.address, transport, round));
    }
    await server.stop();
    for (const transport of transports) {
      console.log(`median of ${describe(transport, medianOf(figures[transport]))}`);
    }
    const [grpc, connect] = transports.map((transport) => medianOf(figures[transport]));
    if (grpc && connect) {
      console.log(`grpc to connect: ${(grpc.perSecond / connect.perSecond).toFixed(2)} in throughput`);
      console.log(`grpc to connect: ${(grpc.cpuMsARun / connect.cpuMsARun).toFixed(2)} in CPU`);
    }
    return [];
  }),
);

async function measure(address: string, transport: string, round: number): Promise<Figure> {
  const client = createClient({ address });
  const prefix = `${transport}-${round}-`;
  const starts = Array.from({ length: runs }, (_, index) => ({
    workflow: empty,
    input: null,
    workflowId: `${prefix}${index}`,
  }));
  const outcomes = await client.startMany(starts);
  if (outcomes.some(({ status }) => status === "rejected")) throw new Error("not all runs were started");
  const begin = performance.now();
  const worker = await startProgram("transports/worker.ts", [address, transport]);
  const before = await ask<object, { cpuMs: number }>(worker, {});
  const startedAt = performance.now();
  for (let ended = 0; ended < runs; ) {
    ended = (await client.count({ workflowIdPrefix: prefix })).byStatus.COMPLETED ?? 0;
    if (performance.now() - begin > 120_000) throw new Error(`only ${ended} of ${runs} runs ended in 120 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const { cpuMs } = await ask<object, { cpuMs: number }>(worker, {});
  await stopProcess(worker);
  client.close();
  const figure = { perSecond: runs / seconds, cpuMsARun: (cpuMs - before.cpuMs) / runs };
  console.log(describe(transport, figure));
  return figure;
}

function describe(transport: string, { perSecond, cpuMsARun }: Figure): string {
  return `${transport}: ${perSecond.toFixed(0)} runs/s, ${cpuMsARun.toFixed(2)} ms of the worker's CPU a run`;
}

function medianOf(figures: readonly Figure[]): Figure {
  const middle = (values: number[]) =>
    values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
  return {
    perSecond: middle(figures.map(({ perSecond }) => perSecond)),
    cpuMsARun: middle(figures.map(({ cpuMsARun }) => cpuMsARun)),
  };
}
