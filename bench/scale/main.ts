/**
 * Measures how much longer calls take with a million closed runs than with a thousand: `make bench-scale`. Ends with an error if one takes longer than it
 * may, or if an answer is wrong.
 */
import { round, table } from "../figures.js";
import { inNewFolder } from "../folder.js";
import { runBenchmark } from "../run.js";
import { type Compared, compare, type Sides } from "./compare.js";
import { checkHistories } from "./histories.js";
import { claims, reads } from "./measures.js";
import { type Options, readOptions } from "./options.js";
import { populationOf } from "./population.js";
import { findRemains, type Removal, watchRemoval } from "./removal.js";
import { seed } from "./seed.js";
import { openSide, type Side } from "./side.js";

const smallRuns = 1_000;

const options = readOptions(process.argv.slice(2));

await runBenchmark(() =>
  inNewFolder(async (dir) => {
    const opened: Side[] = [];
    try {
      const small = await openSide("small", { dir, population: populationOf(smallRuns) });
      opened.push(small);
      const large = await openSide("large", { dir, population: populationOf(options.runs) });
      opened.push(large);
      return await measure({ small, large }, options);
    } finally {
      for (const side of opened) await side.close();
    }
  }),
);

async function measure(sides: Sides, { calls, watchSeconds }: Options): Promise<string[]> {
  for (const side of [sides.small, sides.large]) {
    await seed(side);
    await checkHistories(side);
  }
  const compared: Compared[] = [];
  // The claims of both kinds take turns, since the tasks of one kind make those of the other.
  for (const group of [...reads.map((read) => [read]), claims]) {
    const outcomes = await compare(group, sides, calls);
    for (const { name, smallMs, largeMs } of outcomes)
      console.log(`${name}: ${round(smallMs)} and ${round(largeMs)} ms`);
    compared.push(...outcomes);
  }
  const [small, large] = [sides.small, sides.large].map(({ population }) => `${population.closed} runs, ms`);
  console.log(`\n${describe(["median", String(small), String(large)], compared)}\n`);
  const watched = claims.flatMap((one) => {
    const before = compared.find(({ name }) => name === one.name);
    return before === undefined ? [] : [{ measure: one, before }];
  });
  const removal = await watchRemoval(sides, watched, watchSeconds);
  console.log(`${describe(["median", "before, ms", "meanwhile, ms"], removal.claims)}\n`);
  describeRemoval(removal);
  const isOver = removal.left.runs === 0 && removal.left.remains === 0;
  return [
    ...[...compared, ...removal.claims].filter(({ largeMs, boundMs }) => largeMs > boundMs).map(faultOf),
    ...(isOver ? await findRemains(sides.large) : []),
  ];
}

function describe(head: readonly string[], compared: readonly Compared[]): string {
  const rows = compared.map(({ name, smallMs, largeMs, boundMs }) => [
    name,
    round(smallMs),
    round(largeMs),
    `${(largeMs / smallMs).toFixed(2)} x`,
    round(boundMs),
  ]);
  return table([[...head, "ratio", "bound, ms"], ...rows]);
}

function describeRemoval({ asideMs, removed, seconds, left }: Removal): void {
  for (const [name, ms] of asideMs) console.log(`${name} of the small one meanwhile: ${round(ms)} ms`);
  const rate = round(removed / seconds);
  console.log(`retention removed ${removed} runs in ${seconds.toFixed(0)} s, ${rate} a second`);
  const { runs, remains } = left;
  console.log(`left were ${runs} closed runs, and something of ${remains} runs that nobody finds any more`);
}

function faultOf({ name, smallMs, largeMs, boundMs }: Compared): string {
  return `${name} takes ${round(largeMs)} ms beside ${round(smallMs)} ms, above its bound of ${round(boundMs)} ms`;
}
