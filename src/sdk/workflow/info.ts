/** What workflow code can know of its run. */

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
