/** Durations as people write them. */

/**
 * Milliseconds, or amounts with their units, the largest first by custom: "250ms", "30s", "5 minutes", "1h30m", "1 day 12 hours". Units are ms
 * (milliseconds), s (sec, seconds), m (min, minutes), h (hours), d (days) and w (weeks). Where it is taken, a RangeError names one that is malformed or
 * negative.
 */
export type Duration = number | `${number}${string}`;

const unitMs: Readonly<Record<string, number>> = {
  ...units(1, "ms", "millisecond", "milliseconds"),
  ...units(1_000, "s", "sec", "second", "seconds"),
  ...units(60_000, "m", "min", "minute", "minutes"),
  ...units(3_600_000, "h", "hour", "hours"),
  ...units(86_400_000, "d", "day", "days"),
  ...units(604_800_000, "w", "week", "weeks"),
};

/** The duration in whole milliseconds. Throws a RangeError that names a malformed or negative one. */
export function toMs(duration: Duration): number {
  const ms = typeof duration === "number" ? duration : parse(duration);
  if (!Number.isFinite(ms) || ms < 0) {
    throw new RangeError(
      `a duration is a number of milliseconds from 0, or such as "30s", "5 minutes" or "1h30m", but not ${JSON.stringify(duration)}`,
    );
  }
  return Math.round(ms);
}

function parse(text: string): number {
  if (typeof text !== "string" || !/^(\d+(\.\d+)? ?[a-z]+ ?)+$/.test(text)) return Number.NaN;
  let ms = 0;
  for (const [, amount, unit = ""] of text.matchAll(/(\d+(?:\.\d+)?) ?([a-z]+)/g))
    ms += Number(amount) * (Object.hasOwn(unitMs, unit) ? (unitMs[unit] ?? Number.NaN) : Number.NaN);
  return ms;
}

function units(ms: number, ...names: string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, ms]));
}
