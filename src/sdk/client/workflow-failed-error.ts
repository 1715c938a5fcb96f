/** Workflows that ended without a result. */
import { brandClasses } from "../brand.js";

/** A workflow that failed, was cancelled or terminated, or timed out; `cause` is its failure. */
export class WorkflowFailedError extends Error {
  override readonly name = "WorkflowFailedError";
  readonly workflowId: string;
  /** The run that ended, the last of its chain. */
  readonly runId: string;
  /** How it ended, such as "FAILED" or "TIMED_OUT". */
  readonly status: string;

  constructor(
    ended: { readonly workflowId: string; readonly runId: string; readonly status: string },
    cause?: Error,
  ) {
    const what = `workflow ${ended.workflowId} ended as ${ended.status}`;
    super(cause === undefined ? what : `${what}: ${cause.message}`, cause && { cause });
    this.workflowId = ended.workflowId;
    this.runId = ended.runId;
    this.status = ended.status;
  }
}

brandClasses({ WorkflowFailedError });
