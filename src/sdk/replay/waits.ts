/** What workflow code waits for. */
import { CancelledFailure } from "../failures.js";
import type { WaitOptions } from "../workflow/options.js";
import { refuseRestricted } from "./restrictions.js";

/** A wait that is open. Settling it ends it; what comes later is ignored. */
export interface Wait<T> {
  readonly promise: Promise<T>;
  readonly isOpen: boolean;
  succeed(value: T): void;
  fail(error: Error): void;
}

/** The open waits of a run, and the request to cancel it. */
export interface Waits {
  readonly isCancelRequested: boolean;
  readonly cancelReason: string;
  /** What is waited for, in words, in the order in which the waits began. */
  readonly openOnes: readonly string[];
  /** The rejection of a wait that is cancelled before it begins. */
  rejectedBefore(options: WaitOptions): Promise<never> | undefined;
  /** The wait that ended last, in words. */
  readonly lastEnded: string | undefined;
  /** Opens a wait for something, in words. `onCancel` cancels what is waited for, and is called before the wait rejects. */
  open<T>(what: string, options: WaitOptions, onCancel: () => void): Wait<T>;
  /** Rejects the unshielded waits of this moment, else the next one. Only the first request counts. */
  requestCancel(reason: string): void;
}

/** Makes the waits of a run that begins. */
export function createWaits(): Waits {
  const cancellers = new Set<(failure: CancelledFailure) => void>();
  const open = new Set<{ readonly what: string }>();
  let lastEnded: string | undefined;
  let isCancelRequested = false;
  let isCancelDue = false;
  let cancelReason = "";

  return {
    get isCancelRequested() {
      return isCancelRequested;
    },
    get cancelReason() {
      return cancelReason;
    },
    get openOnes() {
      return [...open].map(({ what }) => what);
    },
    get lastEnded() {
      return lastEnded;
    },
    rejectedBefore({ signal, isShielded }) {
      if (signal?.aborted === true) return rejected(abortedFailure(signal));
      if (!isCancelDue || isShielded === true) return undefined;
      isCancelDue = false;
      return rejected(requestedFailure(cancelReason));
    },
    open<T>(what: string, { signal, isShielded }: WaitOptions, onCancel: () => void): Wait<T> {
      refuseRestricted(what);
      const entry = { what };
      open.add(entry);
      const { promise, resolve, reject } = withResolvers<T>();
      let isOpen = true;
      const end = () => {
        isOpen = false;
        open.delete(entry);
        lastEnded = what;
        cancellers.delete(cancel);
        signal?.removeEventListener("abort", abort);
      };
      const cancel = (failure: CancelledFailure) => {
        if (!isOpen) return;
        end();
        onCancel();
        reject(failure);
      };
      const abort = () => cancel(abortedFailure(signal));
      if (isShielded !== true) cancellers.add(cancel);
      signal?.addEventListener("abort", abort, { once: true });
      return {
        promise,
        get isOpen() {
          return isOpen;
        },
        succeed(value) {
          if (!isOpen) return;
          end();
          resolve(value);
        },
        fail(error) {
          if (!isOpen) return;
          end();
          reject(error);
        },
      };
    },
    requestCancel(reason) {
      if (isCancelRequested) return;
      isCancelRequested = true;
      cancelReason = reason;
      isCancelDue = cancellers.size === 0;
      for (const cancel of [...cancellers]) cancel(requestedFailure(reason));
    },
  };
}

/** The failure of code that was asked to cancel. */
export function requestedFailure(reason: string): CancelledFailure {
  return new CancelledFailure(
    reason === "" ? "the run was asked to cancel" : `the run was asked to cancel: ${reason}`,
  );
}

function rejected(failure: CancelledFailure): Promise<never> {
  const promise = Promise.reject(failure);
  promise.catch(() => {});
  return promise;
}

function abortedFailure(signal: AbortSignal | undefined): CancelledFailure {
  return new CancelledFailure("cancelled by the workflow code", undefined, { cause: signal?.reason });
}

function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Code may start several things and await them later; one that fails meanwhile is no error until it is awaited.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
