/** What workflow code can do. */
import type { Duration } from "../duration.js";
import type { SearchAttributeChanges } from "../search-attributes.js";
import type { ActivityCalls, ActivityImplementations } from "./activities.js";
import type { ChildHandle, ChildOptions, ExternalHandle } from "./child.js";
import type { QueryDefinition, SignalDefinition, UpdateDefinition } from "./definitions.js";
import type { WorkflowInfo } from "./info.js";
import type { LocalOptions, LocalStepContext } from "./local.js";
import type { WorkflowLogger } from "./logger.js";
import type {
  ActivityOptions,
  ConditionOptions,
  ContinueAsNewOptions,
  UpdateHandlerOptions,
  WaitOptions,
} from "./options.js";
import type { CancelScope } from "./scope.js";
import type { SignalChannel, SignalOptions } from "./signal-channel.js";
import type { WorkflowDefinition } from "./workflow.js";

/**
 * The world as workflow code sees it. Everything here gives the same again when the code is replayed; clocks, random numbers, timers and I/O from
 * elsewhere do not, and must not be used in workflow code.
 */
export interface WorkflowContext {
  /** What the run is. */
  readonly info: WorkflowInfo;
  /** Says things once: silent while the code catches up with what is recorded. They go where the worker's `workflowLogger` puts them. */
  readonly log: WorkflowLogger;
  /** True while the code catches up with what is recorded. For logs; never decide anything by it. */
  readonly isReplaying: boolean;
  /** True once somebody asked the run to cancel. */
  readonly isCancelRequested: boolean;
  /** Why the run is to cancel; empty before. */
  readonly cancelReason: string;
  /** Runs an activity and waits for its result. Throws an ActivityFailure, or a CancelledFailure when it is cancelled. */
  activity<T = unknown>(type: string, input?: unknown, options?: ActivityOptions): Promise<T>;
  /**
   * Makes a function of each activity of the given implementations, so that inputs and results are typed.
   *
   * @typeParam A - The type of the implementations, such as `typeof activities`.
   */
  activities<A extends ActivityImplementations>(options?: ActivityOptions): ActivityCalls<A>;
  /**
   * Does small work within the workflow task and records its outcome; replay takes what is recorded. For what takes less than a few seconds and may be done
   * twice, such as reading a setting: a crash before the task ends does it again, and the run does nothing else meanwhile. Several run at once, and are heard of
   * in the order in which they began. The result must hold JSON, or be bytes. Throws an ActivityFailure when its retries are used up, or a CancelledFailure.
   */
  local<T>(
    name: string,
    work: (step: LocalStepContext) => T | Promise<T>,
    options?: LocalOptions,
  ): Promise<T>;
  /**
   * Runs another workflow as a child and waits for its result. Throws a ChildFailure if it ends otherwise or can't start, or a CancelledFailure when the
   * wait is cancelled.
   */
  child<I, O>(workflow: WorkflowDefinition<I, O>, input: I, options?: ChildOptions): Promise<O>;
  /** The same for a workflow that takes no input. */
  child<O>(workflow: WorkflowDefinition<undefined, O>): Promise<O>;
  /** The same for a workflow that is given by its type. */
  child<O = unknown>(workflow: string, input?: unknown, options?: ChildOptions): Promise<O>;
  /** Starts a child and waits until it has started. Throws a ChildFailure if it can't. Cancelling this wait asks the child to cancel. */
  startChild<I, O>(
    workflow: WorkflowDefinition<I, O>,
    input: I,
    options?: ChildOptions,
  ): Promise<ChildHandle<O>>;
  /** The same for a workflow that takes no input. */
  startChild<O>(workflow: WorkflowDefinition<undefined, O>): Promise<ChildHandle<O>>;
  /** The same for a workflow that is given by its type. */
  startChild<O = unknown>(workflow: string, input?: unknown, options?: ChildOptions): Promise<ChildHandle<O>>;
  /** The children that the run before this one has kept open by continue-as-new, in the order in which they were started. */
  readonly keptChildren: readonly ChildHandle<unknown>[];
  /** Another workflow of the namespace, to signal it or ask it to cancel; nothing is sent. Without a run id whichever run is open is meant. */
  external(workflowId: string, runId?: string): ExternalHandle;
  /** Waits, for years if need be. Throws a CancelledFailure when it is cancelled. */
  sleep(duration: Duration, options?: WaitOptions): Promise<void>;
  /**
   * Waits until the function gives true; false if the timeout passes first. The function is called now and whenever something has happened to the run; it
   * must only look. Throws what the function throws, or a CancelledFailure when it is cancelled.
   */
  condition(predicate: () => boolean, options?: ConditionOptions): Promise<boolean>;
  /** The signals of a name, in the order in which they came. One that comes early waits until it is taken. */
  signal<T = unknown>(signal: SignalDefinition<T> | string): SignalChannel<T>;
  /** Takes the next signal of a name, waiting for it; `undefined` if the timeout passes first. The same as `signal(name).next(options)`. */
  waitForSignal<T = unknown>(
    signal: SignalDefinition<T> | string,
    options?: SignalOptions,
  ): Promise<T | undefined>;
  /**
   * Calls the handler for every signal of a name, in the order in which they came; those that came before are kept until now. An async handler may wait,
   * and the next signal's begins meanwhile. What it throws is judged as if the workflow function had thrown it, but for its cancellation. Throws an Error
   * if there is a handler for the name.
   */
  onSignal<T = unknown>(signal: SignalDefinition<T> | string, handler: (value: T) => unknown): void;
  /**
   * Answers a query by what the handler returns, or throws. It looks at the run's state as it is, leaves no trace, and must return at once: waits, commands and
   * random numbers are refused, and so is a promise. Throws an Error if there is a handler for the name.
   */
  onQuery<R = unknown, A = unknown>(query: QueryDefinition<R, A> | string, handler: (input: A) => R): void;
  /**
   * Answers an update by what the handler returns; it may change the run's state and wait. A failure that it throws is the answer; any other error holds the run
   * up, as in the workflow function. Set it before the code first waits: an update that finds no handler is rejected. Throws an Error if there is a
   * handler for the name.
   */
  onUpdate<R = unknown, A = unknown>(
    update: UpdateDefinition<R, A> | string,
    handler: (input: A) => R | Promise<R>,
    options?: UpdateHandlerOptions<A>,
  ): void;
  /** True if no handler of a signal or update is at work. `await ctx.condition(() => ctx.areHandlersDone)` before the end lets them finish. */
  readonly areHandlersDone: boolean;
  /**
   * Ends this run and starts another in its place, with the same workflow id and an empty history. Never returns: it throws, and code that goes on in spite of
   * that can do nothing more. Signals that nobody has taken go with it, and so do open children with `keepChildren`; else their parent-close policy applies.
   */
  continueAsNew(input?: unknown, options?: ContinueAsNewOptions): never;
  /**
   * Changes code under runs that are open: `if (ctx.patched("x")) new; else old`. True in runs that come here for the first time, which record it, and in those that have
   * recorded it; false while a history is replayed that went on here without it. What a run was told once, it is told always. Once no run without the
   * patch is open, keep the new code and `deprecatePatch`; once none that has recorded it is, take that out as well.
   */
  patched(id: string): boolean;
  /** Lets runs go on that have recorded a patch whose old code is gone. Stands where `patched` stood. Records nothing. */
  deprecatePatch(id: string): void;
  /** Changes values that the run is found by: those that are named, and no others; `null` removes one. */
  upsertSearchAttributes(changes: SearchAttributeChanges): void;
  /** Changes values that are shown with the run: those that are named, and no others; `undefined` removes one. */
  upsertMemo(changes: Readonly<Record<string, unknown>>): void;
  /** Calls the function once and records what it returns; replay gets the recorded value. It must return at once and hold JSON. */
  sideEffect<T>(name: string, make: () => T): T;
  /** The time, as recorded: it stands still while code runs and moves between awaits. */
  now(): Date;
  /** A random number from 0 up to 1, the same again on replay. */
  random(): number;
  /** A random UUID, the same again on replay. */
  uuid(): string;
  /**
   * Runs code whose waits can be cancelled together. The rules:
   *
   * - A wait belongs to the scopes and shields in whose functions it is begun, in helper functions too; a handler begins outside of all of them.
   * - Cancelling a scope rejects every wait of it and of scopes within it with a CancelledFailure, and cancels what they wait for. That is for good: a wait that is
   *   begun in it later rejects at once. Clean up behind the scope, or within it in a shield.
   * - A shield keeps out what is cancelled around it, the run included. A scope within a shield is cancelled by its own `cancel` alone.
   * - A request to cancel the run rejects every unshielded wait of that moment, else the next one, and only once: clean-up behind it needs no shield.
   *
   * Resolves and rejects as the function does.
   */
  scope<T>(code: (scope: CancelScope) => Promise<T>): Promise<T>;
  /** Runs code that nothing around it cancels; by the rules of `scope`. */
  shield<T>(code: () => Promise<T>): Promise<T>;
  /**
   * Runs code in a scope that is cancelled when a time is over, be it so long or until a point in time. Throws a TimeoutFailure if the code ends by that cancellation, else
   * what the code throws; code that catches it and goes on is not hurried.
   */
  timeout<T>(limit: Duration | Date, code: () => Promise<T>): Promise<T>;
  /** Throws a CancelledFailure if somebody asked the run to cancel. */
  throwIfCancelled(): void;
}
