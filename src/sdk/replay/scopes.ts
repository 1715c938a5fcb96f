/** Scopes, shields and time limits of workflow code. */
import { setMaxListeners } from "node:events";
import { TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
import { type Duration, toMs } from "../duration.js";
import { isCancellation, TimeoutFailure } from "../failures.js";
import type { CancelScope } from "../workflow/scope.js";
import { currentRegion, runInRegion } from "./regions.js";
import type { RunParts } from "./run-parts.js";
import { startTimer } from "./timers.js";

/** Runs code whose waits can be cancelled together. */
export async function runInScope<T>(code: (scope: CancelScope) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const { signal } = abort;
  setMaxListeners(0, signal); // One a wait.
  const scope: CancelScope = {
    signal,
    get isCancelled() {
      return signal.aborted;
    },
    cancel: (reason = "the scope was cancelled") => abort.abort(new Error(reason)),
  };
  const region = currentRegion();
  return runInRegion({ ...region, signals: [...region.signals, signal] }, () => code(scope));
}

/** Runs code that nothing around it cancels. */
export async function runShielded<T>(code: () => Promise<T>): Promise<T> {
  return runInRegion({ ...currentRegion(), signals: [], isShielded: true }, code);
}

/** Runs code in a scope that is cancelled when the time is over. */
export async function runWithin<T>(parts: RunParts, timeout: Duration, code: () => Promise<T>): Promise<T> {
  const ms = toMs(timeout);
  let isLate = false;
  return runInScope(async (scope) => {
    const fire = () => {
      isLate = true;
      scope.cancel(`the time limit of ${ms} ms was over`);
    };
    const stopTimer = startTimer(parts, ms, { fire, fail: fire });
    try {
      return await code();
    } catch (error) {
      if (!isLate || !isCancellation(error)) throw error;
      const message = `the work was not done within ${ms} ms`;
      throw new TimeoutFailure(message, TimeoutKind.START_TO_CLOSE, undefined, { cause: error });
    } finally {
      if (!parts.log.isClosed) stopTimer();
    }
  });
}

/** How long it is until a time, at least nothing. */
export function untilTime(now: Date, deadline: Date): number {
  return Math.max(0, deadline.getTime() - now.getTime());
}
