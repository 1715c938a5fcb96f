/** The calls that are being handled: their deadlines, and how they end when the server stops. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";

/** Who waits for a call, and how long. */
interface Caller {
  readonly signal: AbortSignal;
  readonly deadlineAt: number | undefined;
}

/** Keeps account of calls. */
export interface CallsInFlight {
  /**
   * Runs a call with a signal that is aborted when the caller goes or the server drains. When the deadline comes first it rejects with DEADLINE, and the
   * signal is aborted as well.
   */
  run<T>(caller: Caller, handle: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Aborts the signals of all calls, now and from now on. */
  drain(): void;
  /** Resolves when no call is left. */
  whenIdle(): Promise<void>;
}

/** Makes an account without calls. */
export function createCallsInFlight(): CallsInFlight {
  const open = new Set<AbortController>();
  const waiters: (() => void)[] = [];
  let isDraining = false;

  async function run<T>(caller: Caller, handle: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const abort = () => controller.abort(callIsOver);
    open.add(controller);
    caller.signal.addEventListener("abort", abort);
    if (isDraining || caller.signal.aborted) abort();
    try {
      return await beforeDeadline(caller.deadlineAt, () => handle(controller.signal), abort);
    } finally {
      caller.signal.removeEventListener("abort", abort);
      open.delete(controller);
      if (open.size === 0) for (const wake of waiters.splice(0)) wake();
    }
  }

  return {
    run,
    drain() {
      isDraining = true;
      for (const controller of open) controller.abort(callIsOver);
    },
    whenIdle() {
      return open.size === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve));
    },
  };
}

/** One reason for all: making a DOMException for each call costs more than most calls do. */
const callIsOver = new Error("nobody waits for this call any more, or the server stops");

async function beforeDeadline<T>(
  deadlineAt: number | undefined,
  handle: () => Promise<T>,
  abort: () => void,
): Promise<T> {
  if (deadlineAt === undefined) return handle();
  const leftMs = deadlineAt - Date.now();
  if (leftMs <= 0) throw deadlineExceeded();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        reject(deadlineExceeded());
        abort();
      },
      Math.min(leftMs, longestTimeoutMs),
    );
  });
  try {
    return await Promise.race([handle(), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Node fires longer timers at once. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The error of a call whose deadline came before its answer. */
export function deadlineExceeded(): RefusedError {
  return new RefusedError(
    ErrorReason.DEADLINE,
    "the deadline came before the answer; whether the call took effect is open; try again with the same request id",
  );
}
