/** Children and other workflows, as workflow code has them. */
import type { StartOptions } from "../start-options.js";
import type { CancelEffect } from "./cancel-effect.js";
import type { SignalDefinition } from "./definitions.js";
import type { WaitOptions } from "./options.js";

/** How a child is started. What is unset takes the server's default; its id is made from the run's, its queue and priority are those of the run. */
export interface ChildOptions extends StartOptions, WaitOptions {
  /** Its namespace. Default: that of the run. */
  readonly namespace?: string;
  /** What happens to it when this run closes. Default "terminate". */
  readonly parentClosePolicy?: "terminate" | "request-cancel" | "abandon";
  /** What becomes of it when the wait for it is cancelled. Default "request". */
  readonly onCancel?: CancelEffect;
}

/** A child that has started. */
export interface ChildHandle<O> {
  readonly workflowId: string;
  readonly runId: string;
  /** Waits for its result. Throws a ChildFailure if it ends otherwise, or a CancelledFailure when the wait is cancelled. */
  result(options?: WaitOptions): Promise<O>;
  /** Signals it, and waits until the signal is delivered. Throws an ApplicationFailure such as WORKFLOW_NOT_FOUND if it can't be. */
  signal<T>(signal: SignalDefinition<T> | string, payload?: T): Promise<void>;
  /** Asks it to cancel; nothing happens if it has ended. */
  cancel(reason?: string): void;
}

/** Another workflow, be it a child or not. */
export interface ExternalHandle {
  readonly workflowId: string;
  /** Undefined: whichever run is open when the request arrives. */
  readonly runId: string | undefined;
  /** Signals it, and waits until the signal is delivered. Throws an ApplicationFailure of the type WORKFLOW_NOT_FOUND if no such run is open. */
  signal<T>(signal: SignalDefinition<T> | string, payload?: T): Promise<void>;
  /** Asks it to cancel, and waits until it has been asked. Throws as `signal` does. */
  cancel(reason?: string): Promise<void>;
}
