/** What workflow code waits for. */
import { CancelledFailure } from "../failures.js";
import type { WaitOptions } from "../workflow/options.js";
import { currentRegion } from "./regions.js";
import { refuseRestricted } from "./restrictions.js";

/** A wait that is open. Settling it ends it; what comes later is ignored. */
export interface Wait<T> {
  readonly promise: Promise<T>;
  readonly isOpen: boolean;
  succeed(value: T): void;
  fail(error: Error): void;
}

/** Cancels what is waited for, before its wait rejects; "wait" lets the wait go on. */
export type OnCancel = () => "reject" | "wait";

/** The open waits of a run, and the request to cancel it. */
export interface Waits {
  readonly isCancelRequested: boolean;
  readonly cancelReason: string;
  /** What is waited for, in words, in the order in which the waits began. */
  readonly openOnes: readonly string[];
  /** The wait that ended last, in words. */
  readonly lastEnded: string | undefined;
  /** The rejection of a wait that is cancelled before it begins. */
  rejectedBefore(options: WaitOptions): Promise<never> | undefined;
  /** Opens a wait for something, in words. */
  open<T>(what: string, options: WaitOptions, onCancel: OnCancel): Wait<T>;
  /** Rejects the unshielded waits of this moment, else the next one. Only the first request counts. */
  requestCancel(reason: string): void;
}

type Canceller = (failure: CancelledFailure) => void;

/** Makes the waits of a run that begins. */
export function createWaits(): Waits {
  const cancellers = new Set<Canceller>();
  const openOnes = new Set<{ readonly what: string }>();
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
      return [...openOnes].map(({ what }) => what);
    },
    get lastEnded() {
      return lastEnded;
    },
    rejectedBefore(options) {
      const { signals, isShielded } = reachOf(options);
      const aborted = signals.find((signal) => signal.aborted);
      if (aborted !== undefined) return rejected(abortedFailure(aborted));
      if (!isCancelDue || isShielded) return undefined;
      isCancelDue = false;
      return rejected(requestedFailure(cancelReason));
    },
    open<T>(what: string, options: WaitOptions, onCancel: OnCancel) {
      refuseRestricted(what);
      const entry = { what };
      openOnes.add(entry);
      const listen = (cancel: Canceller) => listenForCancel(reachOf(options), cancellers, cancel);
      return openWait<T>(listen, onCancel, () => {
        openOnes.delete(entry);
        lastEnded = what;
      });
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

/** What can cancel a wait: its own signal, and unless it is shielded what the code around it says. */
function reachOf({ signal, isShielded = false }: WaitOptions) {
  const region = currentRegion();
  const own = signal === undefined ? [] : [signal];
  return {
    signals: isShielded ? own : [...own, ...region.signals],
    isShielded: isShielded || region.isShielded,
  };
}

/** Listens to all that can cancel a wait, until the returned function is called. */
function listenForCancel(
  { signals, isShielded }: ReturnType<typeof reachOf>,
  cancellers: Set<Canceller>,
  cancel: Canceller,
): () => void {
  const listeners = signals.map((signal) => {
    const abort = () => cancel(abortedFailure(signal));
    signal.addEventListener("abort", abort);
    return () => signal.removeEventListener("abort", abort);
  });
  if (!isShielded) cancellers.add(cancel);
  return () => {
    cancellers.delete(cancel);
    for (const remove of listeners) remove();
  };
}

function openWait<T>(
  listen: (cancel: Canceller) => () => void,
  onCancel: OnCancel,
  onEnd: () => void,
): Wait<T> {
  const { promise, resolve, reject } = withResolvers<T>();
  let isOpen = true;
  const end = () => {
    isOpen = false;
    stopListening();
    onEnd();
  };
  const stopListening = listen((failure) => {
    if (!isOpen) return;
    stopListening();
    if (onCancel() === "wait") return;
    end();
    reject(failure);
  });
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
}

function rejected(failure: CancelledFailure): Promise<never> {
  const promise = Promise.reject(failure);
  promise.catch(() => {});
  return promise;
}

function abortedFailure(signal: AbortSignal): CancelledFailure {
  return new CancelledFailure("cancelled by the workflow code", undefined, { cause: signal.reason });
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
