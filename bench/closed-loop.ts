/** Measures the workloads of the closed loop and single commits, on one server and in turns, so that what disturbs one disturbs all. */
import type { Round, RoundOutcome } from "./client.js";
import { between, type Meter, readMeter, type Stage, total } from "./costs.js";
import { commitSingly, findStoredFaults } from "./database.js";
import { type Figure, figureOf, percentile } from "./figures.js";
import { findHistoryFaults } from "./histories.js";
import type { Options } from "./options.js";
import { ask, startProgram, stopProcess } from "./processes.js";
import { openCalls } from "./rpc.js";
import { withServer } from "./stage.js";
import { workloads } from "./workloads.js";

/** What a workload came to. */
export interface Measured {
  readonly figure: Figure;
  /** Workflows of the rounds. */
  readonly workflows: number;
  /** What its rounds cost; undefined for single commits. */
  readonly cost: Meter | undefined;
}

/** All of it. */
export interface ClosedLoopOutcome {
  readonly measured: readonly Measured[];
  /** What was wrong. */
  readonly faults: readonly string[];
}

/** One thing that is measured in turns with the others. */
interface Contender {
  readonly name: string;
  readonly system: string;
  readonly run: (seconds: number) => Promise<RoundOutcome>;
  readonly isMetered: boolean;
  readonly rounds: RoundOutcome[];
  readonly costs: Meter[];
  started: number;
}

/** Starts server, worker and client, measures, checks, and ends them. */
export function measureClosedLoop(options: Options): Promise<ClosedLoopOutcome> {
  return withServer({ flags: options.serverFlags, isProfiled: options.isProfiled }, async (measurable) => {
    const { address } = measurable.server;
    const worker = await startProgram("worker.ts", [address, String(options.polls)]);
    const client = await startProgram("client.ts", [address]);
    return measure(options, { ...measurable, worker, client });
  });
}

async function measure(options: Options, stage: Stage): Promise<ClosedLoopOutcome> {
  const contenders = listContenders(options, stage);
  for (const contender of contenders) await runRound(contender, stage, options.warmUpSeconds, true);
  for (let round = 0; round < options.rounds; round++) {
    for (const contender of contenders) await runRound(contender, stage, options.seconds, false);
  }
  const faults = await findFaults(contenders, stage);
  await Promise.all([stopProcess(stage.worker), stopProcess(stage.client)]);
  return { measured: contenders.map(sumUp), faults };
}

function listContenders({ only }: Options, { client, database }: Stage): Contender[] {
  const of = (name: string, system: string, isMetered: boolean, run: Contender["run"]): Contender => ({
    name,
    system,
    run,
    isMetered,
    rounds: [],
    costs: [],
    started: 0,
  });
  const loops = workloads.map(({ name }) =>
    of(name, "pawl", true, (seconds) => ask<Round, RoundOutcome>(client, { workload: name, seconds })),
  );
  const commits = of("single-commits", "postgres", false, (seconds) => commitSingly(database, seconds));
  return [commits, ...loops].filter(({ name }) => only.some((one) => one === name));
}

async function runRound(
  contender: Contender,
  stage: Stage,
  seconds: number,
  isWarmUp: boolean,
): Promise<void> {
  const before = await readMeter(stage);
  const outcome = await contender.run(seconds);
  const cost = between(before, await readMeter(stage));
  contender.started += outcome.started;
  const word = isWarmUp ? "warm-up" : "round";
  const p50 = percentile(outcome.latencies, 0.5).toFixed(2);
  console.log(`${word} ${contender.name}: ${outcome.perSecond.toFixed(1)}/s, p50 ${p50} ms`);
  if (outcome.wrong.length > 0) throw new Error(outcome.wrong.join("\n"));
  if (isWarmUp) return;
  contender.rounds.push(outcome);
  if (contender.isMetered) contender.costs.push(cost);
}

async function findFaults(contenders: readonly Contender[], { server, database }: Stage): Promise<string[]> {
  const { call, close } = openCalls(server.address);
  const faults: string[] = [];
  for (const workload of workloads) {
    const contender = contenders.find(({ name }) => name === workload.name);
    if (contender === undefined) continue;
    faults.push(...(await findStoredFaults(database, workload, contender.started)));
    faults.push(...(await findHistoryFaults(call, workload)));
  }
  close();
  return faults;
}

function sumUp({ name, system, rounds, costs }: Contender): Measured {
  return {
    figure: figureOf(name, system, rounds),
    workflows: rounds.reduce((sum, { started }) => sum + started, 0),
    cost: total(costs),
  };
}
