/** Lets retention remove all closed runs of the large database, and claims meanwhile. */
import { setTimeout as delay } from "node:timers/promises";
import { NamespaceService } from "../../gen/pawl/v1/namespace_service_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { median } from "../figures.js";
import { boundOf, type Compared, inTurns, type Measure, type Sides, timeCall } from "./compare.js";
import type { Side } from "./side.js";

/** What came of it. */
export interface Removal {
  /** Claims of the large one: before (`smallMs`), and meanwhile (`largeMs`). */
  readonly claims: readonly Compared[];
  /** How long the small one took meanwhile, by the name of the claim. */
  readonly asideMs: ReadonlyMap<string, number>;
  readonly seconds: number;
  readonly removed: number;
  /** Closed runs that were left, and runs of which something else was left. */
  readonly left: { readonly runs: number; readonly remains: number };
}

/** The shortest that a namespace can keep closed runs for. */
const retention = { seconds: 60n };
const everyMs = 20;

/** Watches retention until it has removed everything, or for so long. */
export async function watchRemoval(
  sides: Sides,
  claims: readonly { readonly measure: Measure; readonly before: Compared }[],
  watchSeconds: number,
): Promise<Removal> {
  const { large } = sides;
  const times = claims.map(({ measure, before }) => ({
    measure,
    before,
    small: [] as number[],
    large: [] as number[],
  }));
  const closedBefore = await countClosed(large);
  await large.call(NamespaceService.method.updateNamespace, { name: "main", retention });
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1_000;
  let next = begin;
  for (let n = 0; seconds() < watchSeconds && !(await isOver(large, n)); n++) {
    for (const { measure, ...of } of times) {
      for (const name of inTurns(n)) {
        const { ms, fault } = await timeCall(measure, sides[name], n);
        if (fault !== undefined) throw new Error(`${measure.name}, while runs were removed: ${fault}`);
        of[name].push(ms);
      }
    }
    next = Math.max(next + everyMs, performance.now());
    await delay(next - performance.now());
  }
  const took = seconds();
  const left = { runs: await countClosed(large), remains: await countRemains(large) };
  return {
    claims: times.map(({ before, ...of }) => ({
      name: `${before.name}, meanwhile`,
      smallMs: before.largeMs,
      largeMs: median(of.large),
      boundMs: boundOf(before.largeMs),
    })),
    asideMs: new Map(times.map(({ before, ...of }) => [before.name, median(of.small)])),
    seconds: took,
    removed: closedBefore - left.runs,
    left,
  };
}

/** Looks only now and then. */
async function isOver(side: Side, n: number): Promise<boolean> {
  if (n % 50 !== 0 || (await countClosed(side)) > 0) return false;
  return (await countRemains(side)) === 0;
}

async function countClosed({ call }: Side): Promise<number> {
  const { COMPLETED } = WorkflowStatus;
  const { count } = await call(WorkflowService.method.countWorkflows, { filter: { statuses: [COMPLETED] } });
  return Number(count);
}

/** Runs that nobody finds any more and that still have rows. */
async function countRemains({ database }: Side): Promise<number> {
  const { rows } = await database.query<{ n: number }>("select count(*)::int as n from deletions");
  return rows[0]?.n ?? 0;
}

/** What is left of runs that have gone, once retention says that it has removed everything. */
export async function findRemains({ database }: Side): Promise<string[]> {
  const faults: string[] = [];
  for (const table of ["history", "search_attributes", "run_attributes", "workflow_ids"]) {
    const { rows } = await database.query<{ n: number }>(
      `select count(*)::int as n from ${table} t where not exists (select from runs r where r.run_id = t.run_id)`,
    );
    const n = rows[0]?.n ?? 0;
    if (n > 0) faults.push(`${n} rows of ${table} are left of runs that were removed`);
  }
  return faults;
}
