/** Local steps: small work within the workflow task. */
import type { Duration } from "../duration.js";
import type { RetryOptions, WaitOptions } from "./options.js";

/** How a local step is run. */
export interface LocalOptions extends WaitOptions {
  /** The longest all attempts may take together. Default 10 s: longer work belongs into an activity. */
  readonly timeout?: Duration;
  /** When and how often it is tried again. Default: 3 attempts in all, 100 ms apart, doubling. */
  readonly retry?: RetryOptions;
}

/** The world of one attempt at a local step. */
export interface LocalStepContext {
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** Aborted when the attempt shall end: its time is over, or the wait for it was cancelled. */
  readonly signal: AbortSignal;
}
