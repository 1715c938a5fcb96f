/** Figures that must stay within a bound. */
import { round, table } from "./figures.js";

/** A figure and what it may be at most. */
export interface Bounded {
  readonly what: string;
  readonly value: number;
  readonly bound: number;
  readonly unit: string;
}

/** The table of figures. */
export function describeBounded(figures: readonly Bounded[]): string {
  const rows = figures.map(({ what, value, bound, unit }) => [what, round(value), bound, unit]);
  return table([["figure", "seen", "at most", ""], ...rows]);
}

/** Those that are beyond their bound, in words. */
export function beyondBounds(figures: readonly Bounded[]): string[] {
  return figures
    .filter(({ value, bound }) => !(value <= bound))
    .map(({ what, value, bound, unit }) => `${what}: ${round(value)} ${unit} and not ${bound}`);
}
