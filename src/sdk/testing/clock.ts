/** The clock of an environment: it stands still until it is moved. */
import type { Micros } from "../../core/run-state.js";
import { addMs } from "../../core/time.js";

/** The time, and who waits for it. */
export interface Clock {
  readonly now: Micros;
  /** When the next sleeper wakes. */
  readonly nextWaking: Micros | undefined;
  /** Resolves once so much time has passed. Rejects with the signal's reason if it is aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Goes forward to a time; never back. */
  moveTo(at: Micros): void;
  /** Wakes the sleeper whose time came first, of those whose time has come; false if there is none. */
  wakeOne(): boolean;
}

interface Sleeper {
  readonly at: Micros;
  wake(): void;
}

/** Makes a clock that stands at a time. */
export function createClock(startAt: Micros): Clock {
  let now = startAt;
  const sleepers = new Set<Sleeper>();
  const first = () => {
    let next: Sleeper | undefined;
    for (const sleeper of sleepers) if (next === undefined || sleeper.at < next.at) next = sleeper;
    return next;
  };
  return {
    get now() {
      return now;
    },
    get nextWaking() {
      return first()?.at;
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const leave = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", abort);
        };
        const abort = () => {
          leave();
          reject(signal?.reason);
        };
        const wake = () => {
          leave();
          resolve();
        };
        const sleeper = { at: addMs(now, ms), wake };
        if (signal?.aborted === true) return reject(signal.reason);
        signal?.addEventListener("abort", abort);
        sleepers.add(sleeper);
      }),
    moveTo(at) {
      now = Math.max(now, at);
    },
    wakeOne() {
      const next = first();
      if (next === undefined || next.at > now) return false;
      next.wake();
      return true;
    },
  };
}
