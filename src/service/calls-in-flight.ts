/** The calls that are being handled: their deadlines, and how they end when the server stops. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";

/** Who waits for a call, and how long. */
interface Caller {
  /** Aborted when the caller has gone. */
  readonly controller: AbortController;
  readonly deadlineAt: number | undefined;
}

/** Keeps account of calls. */
export interface CallsInFlight {
  /**
   * Runs a call. Its controller is aborted, too, when the server drains, and when its deadline comes first: then the call rejects with DEADLINE.
   */
  run<T>(caller: Caller, handle: () => Promise<T>): Promise<T>;
  /** Aborts all calls, now and from now on. */
  drain(): void;
  /** Resolves when no call is left. */
  whenIdle(): Promise<void>;
}

/** Makes an account without calls. */
export function createCallsInFlight(): CallsInFlight {
  const open = new Set<AbortController>();
  const waiters: (() => void)[] = [];
  let isDraining = false;

  async function run<T>({ controller, deadlineAt }: Caller, handle: () => Promise<T>): Promise<T> {
    open.add(controller);
    if (isDraining) controller.abort(callIsOver);
    try {
      return await beforeDeadline(deadlineAt, handle, () => controller.abort(callIsOver));
    } finally {
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

function beforeDeadline<T>(
  deadlineAt: number | undefined,
  handle: () => Promise<T>,
  abort: () => void,
): Promise<T> {
  if (deadlineAt === undefined) return handle();
  const leftMs = deadlineAt - Date.now();
  if (leftMs <= 0) throw deadlineExceeded();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        reject(deadlineExceeded());
        abort();
      },
      Math.min(leftMs, longestTimeoutMs),
    );
    void handle()
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
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
