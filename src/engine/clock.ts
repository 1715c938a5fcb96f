/**
 * The database's clock, as a server knows it.
 *
 * A server asks at `a` and hears at `b` (by its own steady clock) that the database's time was `s`: so the difference of the two clocks lies in
 * [s - b, s - a]. Answers narrow that interval; drift widens it; where two do not meet, the newer one holds.
 */
import type { Micros } from "../core/run-state.js";

/** The database's time as bounds: it is not before `earliest` and not after `latest`. */
export interface Clock {
  /** For firing: what is due by this time is due indeed. */
  earliest(): Micros;
  /**
   * For deadlines: one that is computed from this time never comes early. And for the order of what happens here: greater each time it is asked, though
   * answers narrow the bound, unless one says that the database's clock was set back.
   */
  latest(): Micros;
  /** Takes in that the database's time was `database` between two readings of `steadyNow`. */
  observe(sentAt: Micros, receivedAt: Micros, database: Micros): void;
  /** This process's steady clock, in microseconds. */
  steadyNow(): Micros;
}

/** How far two clocks may drift apart, in microseconds a second. */
const driftPerSecond = 100;

/** Opens a clock that knows nothing yet; the first observation sets it. */
export function openClock(steadyNow: () => Micros = readSteadyClock): Clock {
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;
  let widenedAt = steadyNow();
  let told = Number.NEGATIVE_INFINITY;

  function widen(): Micros {
    const now = steadyNow();
    const drift = ((now - widenedAt) / 1_000_000) * driftPerSecond;
    low -= drift;
    high += drift;
    widenedAt = now;
    return now;
  }

  return {
    steadyNow,
    earliest: () => Math.floor(widen() + known(low)),
    latest() {
      told = Math.max(told + 1, Math.ceil(widen() + known(high)));
      return told;
    },
    observe(sentAt, receivedAt, database) {
      widen();
      const newLow = database - receivedAt;
      const newHigh = database - sentAt;
      const meets = newLow <= high && newHigh >= low;
      low = meets ? Math.max(low, newLow) : newLow;
      high = meets ? Math.min(high, newHigh) : newHigh;
      if (!meets) told = Number.NEGATIVE_INFINITY;
    },
  };
}

function known(bound: number): number {
  if (!Number.isFinite(bound)) throw new Error("the database's clock was read before it was observed");
  return bound;
}

function readSteadyClock(): Micros {
  return Number(process.hrtime.bigint() / 1000n);
}
