/** Durations as people write them. */

/** Milliseconds, or a number with a unit: "250ms", "10s", "5m", "2h", "7d". */
export type Duration =
  | number
  | `${number}${"ms" | "s" | "m" | "h" | "d"}`
  | `${number} ${"ms" | "s" | "m" | "h" | "d"}`;

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** The duration in whole milliseconds. Throws a RangeError that names a malformed or negative one. */
export function toMs(duration: Duration): number {
  const ms = typeof duration === "number" ? duration : parse(duration);
  if (!Number.isFinite(ms) || ms < 0) {
    throw new RangeError(
      `a duration is a number of milliseconds from 0, or such as "10s", but not ${JSON.stringify(duration)}`,
    );
  }
  return Math.round(ms);
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/.exec(text);
  if (match === null) return Number.NaN;
  const [, amount, unit] = match;
  return Number(amount) * unitMs[unit as keyof typeof unitMs];
}
