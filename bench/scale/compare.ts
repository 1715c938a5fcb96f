/** Makes the same calls to both servers, in turns, so that what disturbs one disturbs both. */
import { median } from "../figures.js";
import type { Side } from "./side.js";

/** A call that is measured. */
export interface Measure {
  readonly name: string;
  /** How much longer it may take with many runs than with few: `usual` is 1.5 times, `range` 3 times. */
  readonly bound: "usual" | "range";
  /** Makes the nth call ready. Only the call itself takes time that counts. */
  prepare(side: Side, n: number): () => Promise<Check>;
}

/** Says what is wrong with an answer, if anything; and does what is to be done behind the call. */
export type Check = () => string | undefined | Promise<string | undefined>;

/** Both servers. */
export interface Sides {
  readonly small: Side;
  readonly large: Side;
}

/** Milliseconds, medians. */
export interface Compared {
  readonly name: string;
  readonly smallMs: number;
  readonly largeMs: number;
  /** The most that the large one may take. */
  readonly boundMs: number;
}

const warmUpCalls = 30;
const factors = { usual: 1.5, range: 3 };
const allowanceMs = 2;
const mostFaults = 3;

/** The most that a call may take that takes so long with few runs: some times as long, or 2 ms longer, whichever is more. */
export function boundOf(smallMs: number, bound: Measure["bound"] = "usual"): number {
  return Math.max(factors[bound] * smallMs, smallMs + allowanceMs);
}

/** Measures calls that take turns. Throws if an answer is wrong. */
export async function compare(
  measures: readonly Measure[],
  sides: Sides,
  calls: number,
): Promise<Compared[]> {
  const timed = measures.map((measure) => ({ measure, small: [] as number[], large: [] as number[] }));
  const faults: string[] = [];
  for (let n = -warmUpCalls; n < calls && faults.length < mostFaults; n++) {
    for (const { measure, ...times } of timed) {
      for (const name of inTurns(n)) {
        const { ms, fault } = await timeCall(measure, sides[name], n + warmUpCalls);
        if (n >= 0) times[name].push(ms);
        if (fault !== undefined) faults.push(`${measure.name}, ${name}: ${fault}`);
      }
    }
  }
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return timed.map(({ measure, small, large }) => {
    const smallMs = median(small);
    const boundMs = boundOf(smallMs, measure.bound);
    return { name: measure.name, smallMs, largeMs: median(large), boundMs };
  });
}

/** Neither has the other behind it each time. */
export function inTurns(n: number): readonly Side["name"][] {
  return n % 2 === 0 ? ["small", "large"] : ["large", "small"];
}

/** Makes a call. */
export async function timeCall(
  measure: Measure,
  side: Side,
  n: number,
): Promise<{ ms: number; fault: string | undefined }> {
  const call = measure.prepare(side, n);
  const begin = performance.now();
  const check = await call();
  const ms = performance.now() - begin;
  return { ms, fault: await check() };
}
