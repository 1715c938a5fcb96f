/** The flags of the benchmark. */
import { parseArgs } from "node:util";

/** What can be measured, in the order in which it is. */
export const names = [
  "single-commits",
  "one-activity",
  "ten-activities",
  "lone",
  "start-cold",
  "start-warm",
] as const;

/** One of them. */
export type Name = (typeof names)[number];

/** What to measure and how long. */
export interface Options {
  readonly only: readonly Name[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Polls of each kind that the worker keeps open. */
  readonly polls: number;
  /** Write a profile of the server's processor time. */
  readonly isProfiled: boolean;
  /** More flags for `pawl serve`. */
  readonly serverFlags: readonly string[];
}

const usage = `npx tsx bench/main.ts [flags] [-- flags of pawl serve]
  --only <names>       some of ${names.join(", ")}; with commas between
  --rounds <n>         rounds whose medians count (3)
  --seconds <n>        length of a round (20)
  --warm-up <n>        seconds before the first round of each that do not count (5)
  --polls <n>          polls of each kind that the worker keeps open (4)
  --profile            write a profile of the server to bench/out`;

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
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: "string", default: names.join(",") },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "20" },
      "warm-up": { type: "string", default: "5" },
      polls: { type: "string", default: "4" },
      profile: { type: "boolean", default: false },
    },
  });
  return {
    only: values.only.split(",").map(asName),
    rounds: asNumber("rounds", values.rounds),
    seconds: asNumber("seconds", values.seconds),
    warmUpSeconds: asNumber("warm-up", values["warm-up"]),
    polls: asNumber("polls", values.polls),
    isProfiled: values.profile,
    serverFlags: positionals,
  };
}

function asName(text: string): Name {
  const name = names.find((one) => one === text);
  if (name === undefined) throw new Error(`there is no workload ${text}`);
  return name;
}

/** The number of a flag. */
export function asNumber(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${flag} takes a number above 0, not ${text}`);
  return value;
}
