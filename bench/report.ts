/** What is shown of a benchmark. */
import type { Measured } from "./closed-loop.js";
import { type Figure, round, table } from "./figures.js";

/** Transitions of a workflow of one activity, each of which has to be committed: start, schedule, complete, end. */
const commitsOfOneActivity = 4;

/** The table of results. */
export function describeFigures(figures: readonly Figure[]): string {
  const rows = figures.map(({ workload, system, per_second, p50_ms, p99_ms }) => [
    workload,
    system,
    per_second,
    p50_ms,
    p99_ms,
  ]);
  return table([["workload", "system", "per second", "p50 ms", "p99 ms"], ...rows]);
}

/** The ratios, which say more than figures of one machine. */
export function describeRatios(figures: readonly Figure[]): string[] {
  const find = (workload: string) => figures.find((figure) => figure.workload === workload);
  const commits = find("single-commits");
  if (commits === undefined) return [];
  const lines: string[] = [];
  for (const workload of ["one-activity", "ten-activities"]) {
    const figure = find(workload);
    if (figure === undefined) continue;
    lines.push(`${workload} is ${(figure.per_second / commits.per_second).toFixed(2)} x single-commits`);
  }
  const lone = find("lone");
  if (lone !== undefined) {
    const ratio = lone.p50_ms / (commitsOfOneActivity * commits.p50_ms);
    lines.push(`lone takes ${ratio.toFixed(2)} x the time of its ${commitsOfOneActivity} commits alone`);
  }
  return lines;
}

/** What the rounds cost: processor time of each process, calls, operations, transactions and loaded states a workflow, and the batches. */
export function describeCosts(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ figure, workflows, cost }) => {
    if (cost === undefined || workflows === 0) return [];
    const each = (value: number) => round(value / workflows);
    const { server, postgres, worker, client, calls, operations, transactions, misses } = cost;
    const perWorkflow = [server, postgres, worker, client, calls, operations, transactions, misses].map(each);
    const batches = Math.max(1, cost.batches);
    return [
      [
        figure.workload,
        ...perWorkflow,
        round(operations / batches),
        round((1_000 * cost.commitSeconds) / batches),
      ],
    ];
  });
  if (rows.length === 0) return "";
  const perWorkflow = [
    "server ms",
    "postgres ms",
    "worker ms",
    "client ms",
    "calls",
    "operations",
    "commits",
    "loads",
  ];
  return table([["a workflow", ...perWorkflow, "a batch", "ms"], ...rows]);
}
