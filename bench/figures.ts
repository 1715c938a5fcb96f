/** The figures of a benchmark: medians of rounds, percentiles, and how they are shown. */
import type { RoundOutcome } from "./client.js";

/** A line of the result. */
export interface Figure {
  readonly workload: string;
  readonly system: string;
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** Sums rounds up: the median of each figure, so that one disturbed round does not count. */
export function figureOf(
  workload: string,
  system: string,
  rounds: readonly Pick<RoundOutcome, "perSecond" | "latencies">[],
): Figure {
  return {
    workload,
    system,
    per_second: round(median(rounds.map(({ perSecond }) => perSecond))),
    p50_ms: round(median(rounds.map(({ latencies }) => percentile(latencies, 0.5)))),
    p99_ms: round(median(rounds.map(({ latencies }) => percentile(latencies, 0.99)))),
  };
}

/** The one in the middle. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The smallest value that so large a part of the values does not exceed; 0 if there are none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

/** Three digits are more than a measurement is worth, and whole numbers stay whole. */
export function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/** Lines up columns: the first to the left, figures to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map(String));
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  "),
    )
    .join("\n");
}
