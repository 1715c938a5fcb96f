/** How waits and activities are made. */
import type { Duration } from "../duration.js";
import type { SearchAttributeChanges } from "../search-attributes.js";
import type { CancelEffect } from "./cancel-effect.js";

/** What can be said of every wait. */
export interface WaitOptions {
  /** Cancels this wait: it rejects with a CancelledFailure, and what it waits for is cancelled too. */
  readonly signal?: AbortSignal;
  /**
   * True to go on when the run is asked to cancel. A request rejects every unshielded wait of that moment once; if there is none, the next one. What
   * code waits for after that, such as clean-up, is not touched.
   */
  readonly isShielded?: boolean;
}

/** How an activity is run. What is unset takes the server's default. */
export interface ActivityOptions extends WaitOptions {
  /** Its id, unique among those pending in the run. Default: its number among the run's commands. */
  readonly activityId?: string;
  /** The queue it is offered on. Default: that of the run. */
  readonly taskQueue?: string;
  /** The longest one attempt may take. Default 300 s. */
  readonly startToCloseTimeout?: Duration;
  /** The longest all attempts may take together. Default: no limit. */
  readonly scheduleToCloseTimeout?: Duration;
  /** The longest it may wait for a worker. Default: no limit. */
  readonly scheduleToStartTimeout?: Duration;
  /** The longest pause between heartbeats. Default: none are expected. */
  readonly heartbeatTimeout?: Duration;
  /** When and how often it is tried again. */
  readonly retry?: RetryOptions;
  /** From 1 (first) to 5 (last). Default: that of the run. */
  readonly priority?: number;
  /** What becomes of it when the wait for it is cancelled. Default "request". */
  readonly onCancel?: CancelEffect;
}

/** When and how often failed work is tried again. */
export interface RetryOptions {
  /** The wait after the first attempt. Default 1 s. */
  readonly initialInterval?: Duration;
  /** The factor by which the wait grows. Default 2. */
  readonly backoffCoefficient?: number;
  /** The longest wait. Default 100 times the first. */
  readonly maximumInterval?: Duration;
  /** How many attempts are made, the first included; 0 means no limit. Default 3 for activities, no limit for workflows. */
  readonly maximumAttempts?: number;
  /** Types of application failures that end the retries at once. */
  readonly nonRetryableTypes?: readonly string[];
  /** The part of the wait that is random, from 0 to 1. Default 0.1. */
  readonly jitter?: number;
}

/** How a condition is waited for. */
export interface ConditionOptions extends WaitOptions {
  /** How long to wait. Default: for ever. */
  readonly timeout?: Duration;
}

/** How updates are taken. */
export interface UpdateHandlerOptions<A> {
  /**
   * Looks at an update before it is accepted. What it throws rejects the update: its caller is told, and history has nothing of it. It must return at once
   * and only look: waits, commands and random numbers are refused. Default: all are accepted.
   */
  validate?(input: A): void;
}

/** How the run that goes on is started. What is unset stays as it is. */
export interface ContinueAsNewOptions {
  /** Another workflow that goes on. */
  readonly workflow?: string | { readonly type: string };
  /** The queue whose workers run it. */
  readonly taskQueue?: string;
  /** The longest that the new run may take. */
  readonly runTimeout?: Duration;
  /** How long a worker may hold a workflow task without renewing it. */
  readonly workflowTaskTimeout?: Duration;
  /** Whether the new run is tried again when it fails. */
  readonly retry?: RetryOptions;
  /** Search attributes that change; `null` removes one. */
  readonly searchAttributes?: SearchAttributeChanges;
  /** Entries of the memo that change; `undefined` removes one. */
  readonly memo?: Readonly<Record<string, unknown>>;
  /** True to give the open children to the new run, which has them as `ctx.keptChildren`. Default false: their parent-close policy applies. */
  readonly keepChildren?: boolean;
}
