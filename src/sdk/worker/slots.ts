/** Room for tasks. */

/** A bounded number of places. */
export interface Slots {
  /** Takes up to `most` places, waiting until there is one; 0 when the signal is aborted first. */
  reserve(most: number, signal: AbortSignal): Promise<number>;
  release(count: number): void;
  /** Resolves when all places are free. */
  empty(): Promise<void>;
}

/** Makes a number of free places. */
export function createSlots(total: number): Slots {
  let taken = 0;
  let waiting: (() => void)[] = [];
  const released = (signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      const wake = () => {
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      waiting.push(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  return {
    async reserve(most, signal) {
      while (taken >= total && !signal.aborted) await released(signal);
      if (signal.aborted) return 0;
      const count = Math.min(most, total - taken);
      taken += count;
      return count;
    },
    release(count) {
      taken -= count;
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    },
    async empty() {
      while (taken > 0) await released();
    },
  };
}
