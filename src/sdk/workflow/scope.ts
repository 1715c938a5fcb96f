/** Parts of workflow code that are cancelled together. */

/** A part of the code that can be cancelled. */
export interface CancelScope {
  /** Aborted when this scope is cancelled. Can be given to a wait that is begun elsewhere. */
  readonly signal: AbortSignal;
  /** True once this scope was cancelled. */
  readonly isCancelled: boolean;
  /** Cancels what is waited for in it, now and from now on. Only the first call counts. */
  cancel(reason?: string): void;
}
