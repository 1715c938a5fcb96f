/** What a round cost: processor time of each process, and how the server batched. These tell what to tune, and are no result. */
import type { ChildProcess } from "node:child_process";
import { processorMs } from "./processes.js";
import type { Measurable } from "./stage.js";

/** The processes of a closed loop. */
export interface Stage extends Measurable {
  readonly worker: ChildProcess;
  readonly client: ChildProcess;
}

/** Counters at one moment; two of them make the costs of what lies between. */
export type Meter = Readonly<Record<Counter, number>>;

type Counter = (typeof counters)[number];

const counters = [
  "server",
  "postgres",
  "worker",
  "client",
  "batches",
  "operations",
  "commitSeconds",
  "calls",
  "misses",
  "transactions",
] as const;

/** Reads all counters. */
export async function readMeter({ server, worker, client, database }: Stage): Promise<Meter> {
  const metrics = await server.metrics();
  const { rows } = await database.query<{ transactions: number }>(
    "select xact_commit::float8 as transactions from pg_stat_database where datname = current_database()",
  );
  const calls = [...metrics].filter(([name]) => name.startsWith("pawl_calls_total"));
  return {
    server: 1_000 * (metrics.get("process_cpu_seconds_total") ?? 0),
    postgres: processorMs(server.postgresPid, { withChildren: true }),
    worker: processorMs(worker.pid, { withChildren: false }),
    client: processorMs(client.pid, { withChildren: false }),
    batches: metrics.get("pawl_batch_operations_count") ?? 0,
    operations: metrics.get("pawl_batch_operations_sum") ?? 0,
    commitSeconds: metrics.get("pawl_batch_commit_seconds_sum") ?? 0,
    calls: calls.reduce((sum, [, value]) => sum + value, 0),
    misses: metrics.get('pawl_cache_lookups_total{outcome="miss"}') ?? 0,
    transactions: rows[0]?.transactions ?? 0,
  };
}

/** What lies between two moments. */
export function between(from: Meter, to: Meter): Meter {
  return combine(to, from, (later, earlier) => later - earlier);
}

/** Adds up rounds. */
export function total(meters: readonly Meter[]): Meter | undefined {
  const [first, ...others] = meters;
  return others.reduce<Meter | undefined>(
    (sum, meter) => (sum === undefined ? meter : combine(sum, meter, (a, b) => a + b)),
    first,
  );
}

function combine(a: Meter, b: Meter, by: (a: number, b: number) => number): Meter {
  // fromEntries forgets which keys there are.
  return Object.fromEntries(counters.map((name) => [name, by(a[name], b[name])])) as Meter;
}
