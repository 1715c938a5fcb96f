/** What takes workflow tasks through workflow code, wherever that runs. */
import type { Failure } from "../../../gen/pawl/v1/failure_pb.js";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { encodeFailure } from "../failure-codec.js";
import type { QueryAnswerInit } from "../replay/queries.js";
import type { SealedTask } from "./sealed-tasks.js";

/** Workflow code, and the runs of it that are kept in memory. */
export interface Replayer {
  /** The types it has code for, known once it has started. */
  readonly workflowTypes: readonly string[];
  /** Gets the code ready. Throws a WorkflowModuleError if there is none. */
  start(): Promise<void>;
  /** Takes a task through code, and keeps the run as it is then. Never rejects. */
  replay(task: SealedTask): Promise<TaskOutcome>;
  /** Drops a run that is kept: what it did last was not accepted. */
  forget(runId: string): void;
  stop(): Promise<void>;
}

/** What a task came to. */
export type TaskOutcome =
  /** With a WorkflowTaskCompletion, as it is written. */
  | { readonly kind: "completed"; readonly completion: Uint8Array }
  | FailedTask
  /** Of a task that has only queries. */
  | { readonly kind: "answered"; readonly queryAnswers: readonly QueryAnswerInit[] }
  /** The run is not kept as far as the task goes on from: it wants the history from its first event. */
  | { readonly kind: "needs-history" };

/** A task that code failed. */
export interface FailedTask {
  readonly kind: "failed";
  readonly cause: WorkflowTaskFailureCause;
  readonly failure: Failure;
}

/** The failure of a task for something that went wrong around its code. */
export function failedTask(error: unknown): FailedTask {
  return {
    kind: "failed",
    cause: WorkflowTaskFailureCause.WORKFLOW_ERROR,
    failure: encodeFailure(error),
  };
}
