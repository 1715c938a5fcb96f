/** Waiting within a call: until something happens, the time is over, or the caller has gone. */
import type { Call } from "./engine.js";

/** How long before the caller's deadline a wait ends, so that the empty answer still arrives. */
const marginMs = 500;
/** The wait of a call that does not say how long, and the longest of any. */
const defaultWaitMs = 20_000;
const longestWaitMs = 55_000;

/** How long a call may wait, in milliseconds. */
export function waitTimeOf(call: Call, requestedMs: number | undefined, nowMs: number): number {
  const wanted = Math.min(requestedMs ?? defaultWaitMs, longestWaitMs);
  const left = call.deadlineAt === undefined ? Number.POSITIVE_INFINITY : call.deadlineAt - nowMs - marginMs;
  return Math.max(0, Math.min(wanted, left));
}

/** A wait that can be woken, and that ends by itself. */
export interface Waiter {
  /** Resolves at the next wake, or at once if one came since the last; false when the wait is over. */
  next(): Promise<boolean>;
  wake(): void;
  /** Ends the wait. */
  end(): void;
  /** Must be called when the wait is over. */
  close(): void;
}

/** Starts a wait of so many milliseconds that also ends when the signal is aborted. */
export function startWait(waitMs: number, signal: AbortSignal): Waiter {
  let isWoken = false;
  let isOver = signal.aborted;
  let settle: ((goesOn: boolean) => void) | undefined;

  function end(): void {
    isOver = true;
    settle?.(false);
    settle = undefined;
  }
  const timer = setTimeout(end, waitMs);
  signal.addEventListener("abort", end, { once: true });

  return {
    next() {
      if (isOver) return Promise.resolve(false);
      if (isWoken) {
        isWoken = false;
        return Promise.resolve(true);
      }
      return new Promise((resolve) => {
        settle = resolve;
      });
    },
    wake() {
      if (settle === undefined) {
        isWoken = true;
        return;
      }
      settle(true);
      settle = undefined;
    },
    end,
    close() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    },
  };
}
