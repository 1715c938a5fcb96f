/** Signals that are awaited. */
import type { Duration } from "../duration.js";
import type { WaitOptions } from "./options.js";

/** How a signal is waited for. */
export interface SignalOptions extends WaitOptions {
  /** How long to wait. Default: for ever. */
  readonly timeout?: Duration;
}

/** The signals of one name. */
export interface SignalChannel<T> {
  /** Takes the next one, waiting for it; `undefined` if the timeout passes first. A signal that carries nothing gives `null`. */
  next(options?: SignalOptions): Promise<T | undefined>;
  /** Takes the next one if it is there. */
  tryNext(): T | undefined;
}
