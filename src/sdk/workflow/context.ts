/** What workflow code can do. */
import type { Duration } from "../duration.js";

/**
 * The world as workflow code sees it. Everything here gives the same again when the code is replayed; clocks, random numbers, timers and I/O from
 * elsewhere do not, and must not be used in workflow code.
 */
export interface WorkflowContext {
  /** What the run is. */
  readonly info: WorkflowInfo;
  /** True while the code catches up with what is recorded. For logs; never decide anything by it. */
  readonly isReplaying: boolean;
  /** True once somebody asked the run to cancel. */
  readonly isCancelRequested: boolean;
  /** Why the run is to cancel; empty before. */
  readonly cancelReason: string;
  /** Runs an activity and waits for its result. Throws an ActivityFailure, or a CancelledFailure when it is cancelled. */
  activity<T = unknown>(type: string, input?: unknown, options?: ActivityOptions): Promise<T>;
  /** Makes a function of each activity of the given implementations, so that inputs and results are typed. */
  activities<A extends ActivityImplementations>(options?: ActivityOptions): ActivityCalls<A>;
  /** Waits, for years if need be. Throws a CancelledFailure when it is cancelled. */
  sleep(duration: Duration, options?: WaitOptions): Promise<void>;
  /** The signals of a name, in the order in which they came. One that comes early waits until it is taken. */
  signal<T = unknown>(name: string): SignalChannel<T>;
  /** Takes the next signal of a name, waiting for it; `undefined` if the timeout passes first. The same as `signal(name).next(options)`. */
  waitForSignal<T = unknown>(name: string, options?: SignalOptions): Promise<T | undefined>;
  /** Calls the function once and records what it returns; replay gets the recorded value. It must return at once and hold JSON. */
  sideEffect<T>(name: string, make: () => T): T;
  /** The time, as recorded: it stands still while code runs and moves between awaits. */
  now(): Date;
  /** A random number from 0 up to 1, the same again on replay. */
  random(): number;
  /** A random UUID, the same again on replay. */
  uuid(): string;
  /** Throws a CancelledFailure if somebody asked the run to cancel. */
  throwIfCancelled(): void;
}

/** What a run is. */
export interface WorkflowInfo {
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly workflowType: string;
  readonly taskQueue: string;
  /** Which attempt by the run's retry policy this is, from 1. */
  readonly attempt: number;
  readonly startTime: Date;
  /** How many events the history has, as of now. */
  readonly historyLength: number;
  /** True if the history has grown large and the run had better continue as new. */
  readonly isContinueAsNewSuggested: boolean;
}

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

/** Activities as a worker has them: functions of an input and the activity's own context. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of unknown functions can be named in no other way.
export type ActivityImplementations = Readonly<Record<string, (input: any, context: any) => unknown>>;

/** Activities as workflow code calls them. */
export type ActivityCalls<A extends ActivityImplementations> = {
  readonly [K in keyof A]: Parameters<A[K]> extends []
    ? () => Promise<Awaited<ReturnType<A[K]>>>
    : (input: Parameters<A[K]>[0]) => Promise<Awaited<ReturnType<A[K]>>>;
};
