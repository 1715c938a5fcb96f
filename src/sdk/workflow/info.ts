/** What workflow code can know of its run. */
import type { SearchAttribute } from "../search-attributes.js";

/** Names a run. */
export interface RunName {
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
}

/** What a run is. */
export interface WorkflowInfo {
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly workflowType: string;
  readonly taskQueue: string;
  /** From 1 (first) to 5 (last). */
  readonly priority: number;
  /** Which attempt by the run's retry policy this is, from 1. */
  readonly attempt: number;
  readonly startTime: Date;
  /** The run that started it as a child. Undefined: none did. */
  readonly parent: RunName | undefined;
  /** The run at the top of its chain of parents. Undefined: itself. */
  readonly root: RunName | undefined;
  /** The first run of its chain of retries and continue-as-new. */
  readonly firstRunId: string;
  /** The run that it goes on for. Undefined: none. */
  readonly continuedFromRunId: string | undefined;
  /** The failure of the run that it goes on for, if that failed. */
  readonly lastFailure: Error | undefined;
  /** The result of the run before, for runs by schedule. */
  readonly lastResult: unknown;
  /** The schedule that started it. Undefined: none did. */
  readonly scheduleId: string | undefined;
  /** The time that the schedule fired for. */
  readonly scheduledTime: Date | undefined;
  /** Values that came with the start, such as the context of a trace. They go along to activities, children and the run that goes on by continue-as-new. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Values shown with the run, as they are now. */
  readonly memo: Readonly<Record<string, unknown>>;
  /** Values to find the run by, as they are now. */
  readonly searchAttributes: Readonly<Record<string, SearchAttribute>>;
  /** How many events the history has, as of now. */
  readonly historyLength: number;
  /** True if the history has grown large and the run had better continue as new. */
  readonly isContinueAsNewSuggested: boolean;
}
