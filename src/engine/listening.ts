/**
 * How long a server has been there to hear workers and to write down what it heard.
 *
 * Silence counts only while somebody listens: after a break all workers have been silent for as long, and would all lose what they hold.
 */
import type { Micros } from "../core/run-state.js";
import type { Clock } from "./clock.js";

/** Knows since when this server listens. */
export interface Listening {
  /** The database was reached. */
  reached(): void;
  /** Since when there was no break, by the database's clock. Undefined: there is one now. */
  since(): Micros | undefined;
}

/** After so long without reaching the database it is a break: four heartbeats of a server. */
const longestGapMicros = 20_000_000;

/** Begins to listen. */
export function openListening(clock: Clock): Listening {
  let since = clock.latest();
  let reachedAt = clock.steadyNow();
  const isBroken = () => clock.steadyNow() - reachedAt > longestGapMicros;
  return {
    reached() {
      if (isBroken()) since = clock.latest();
      reachedAt = clock.steadyNow();
    },
    since: () => (isBroken() ? undefined : since),
  };
}
