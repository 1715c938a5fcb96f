/** The flags of the benchmark of scale. */
import { parseArgs } from "node:util";
import { asNumber } from "../options.js";

/** How much is seeded and measured. */
export interface Options {
  /** Closed runs of the large database; it has a tenth as many open ones. */
  readonly runs: number;
  /** Calls of each kind to each server, whose median counts. */
  readonly calls: number;
  /** How long retention is watched at the most, in seconds. */
  readonly watchSeconds: number;
}

const usage = `npx tsx bench/scale/main.ts [flags]
  --runs <n>    closed runs of the large database, a multiple of 1,000 (1,000,000)
  --calls <n>   calls whose median counts (200)
  --watch <n>   seconds that retention is watched at the most (180)`;

/** Reads the flags; a wrong one ends the process with an explanation. */
export function readOptions(args: readonly string[]): Options {
  try {
    return parse(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

function parse(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: "string", default: "1000000" },
      calls: { type: "string", default: "200" },
      watch: { type: "string", default: "180" },
    },
  });
  const runs = asNumber("runs", values.runs);
  if (runs % 1_000 !== 0) throw new Error(`--runs takes a multiple of 1,000, not ${values.runs}`);
  return { runs, calls: asNumber("calls", values.calls), watchSeconds: asNumber("watch", values.watch) };
}
