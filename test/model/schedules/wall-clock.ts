/** What the clocks on the walls of a zone show, minute by minute, as Intl tells it. */

/** A minute, and what clocks show in it. */
export interface LocalMinute {
  /** When it begins, in milliseconds. */
  readonly at: number;
  readonly month: number;
  readonly date: number;
  readonly isLastDate: boolean;
  readonly isLastWeek: boolean;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  /** Clocks have shown the same before. */
  readonly isRepeated: boolean;
}

/** The clocks of a zone for a while. */
export interface WallClock {
  readonly minutes: readonly LocalMinute[];
  /** What clocks never show since they are set forward, at the time at which they would have shown it if they had not been. */
  readonly leftOut: readonly LocalMinute[];
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
const known = new Map<string, WallClock>();

/** Reads the clocks of a zone from a whole minute on to another. */
export function readWallClock(timeZone: string, from: number, to: number): WallClock {
  const key = `${timeZone} ${from} ${to}`;
  const read = known.get(key) ?? readAll(timeZone, from, to);
  known.set(key, read);
  return read;
}

/** When clocks are set, about. Undefined: they are not. */
export function changeOf({ minutes, leftOut }: WallClock): number | undefined {
  return leftOut[0]?.at ?? minutes.find(({ isRepeated }) => isRepeated)?.at;
}

function readAll(timeZone: string, from: number, to: number): WallClock {
  const format = new Intl.DateTimeFormat("en-US", {
    ...{ timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" },
    ...{ hour: "numeric", minute: "numeric" },
  });
  const minutes: LocalMinute[] = [];
  const leftOut: LocalMinute[] = [];
  let latest = Number.NEGATIVE_INFINITY;
  for (let at = from; at < to; at += minuteMs) {
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0] = format.format(at).split(/\D+/).map(Number);
    const shown = Date.UTC(year, month - 1, day, hour, minute);
    minutes.push(localMinute(at, shown, shown <= latest));
    const isFirst = latest === Number.NEGATIVE_INFINITY;
    for (let skipped = latest + minuteMs; !isFirst && skipped < shown; skipped += minuteMs)
      leftOut.push(localMinute(at + skipped - latest - minuteMs, skipped, false));
    latest = Math.max(latest, shown);
  }
  return { minutes, leftOut };
}

/** A minute by what is shown in it, as if that were UTC. */
function localMinute(at: number, shown: number, isRepeated: boolean): LocalMinute {
  const [date, tomorrow, inAWeek] = [0, 1, 7].map((days) => new Date(shown + days * dayMs));
  if (date === undefined) throw new Error("there is no date");
  return {
    at,
    month: date.getUTCMonth() + 1,
    date: date.getUTCDate(),
    isLastDate: tomorrow?.getUTCMonth() !== date.getUTCMonth(),
    isLastWeek: inAWeek?.getUTCMonth() !== date.getUTCMonth(),
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    isRepeated,
  };
}
