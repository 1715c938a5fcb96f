/** An operation: one decision of core about one workflow id, to be written and answered. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../../core/errors.js";
import type { Message, RunState, Workflow } from "../../core/run-state.js";
import type { Context, RunTransition, WorkflowTransition } from "../../core/transition.js";
import { ofWorkflow } from "../../core/workflow-transition.js";

/** What group commit needs to know of an operation. */
export interface Operation<T> {
  readonly namespaceId: string;
  readonly workflowId: string;
  /** The run that is meant. Undefined: the current one. */
  readonly runId?: string | undefined;
  /** Names of run keys that the decision must know. */
  readonly keys?: readonly string[];
  /** Names of run keys that only a refusal depends on: they are looked up when the decision is made again. */
  readonly keysIfRefused?: readonly string[];
  /** About how much it adds to a batch, in bytes. */
  readonly bytes: number;
  /** It opens a run: a workflow id that is not cached is taken for a new one at first. */
  readonly mayBeNew?: boolean;
  /** It must not rest on a cached state, such as one that lacks the newest heartbeats. */
  readonly needsFresh?: boolean;
  /** It acts on what is due: its time is the earliest that the database's clock may show, not the latest. */
  readonly isDue?: boolean;
  /** It goes on with what the server itself did, such as a task that it claimed: taken on even where others are refused as too many. */
  readonly isOwed?: boolean;
  /** The version of the run that the caller has seen: an older cached state is out of date. */
  readonly seenVersion?: number;
  /** It takes the messages that other runs have sent to the workflow id. */
  readonly takesMessages?: boolean;
  decide(workflow: Workflow, context: Context, messages: readonly Message[]): WorkflowTransition<T>;
}

/** Who and what an operation on an existing run is about. */
export interface RunOperation<T> extends Omit<Operation<T>, "decide" | "mayBeNew" | "takesMessages"> {
  decide(run: RunState, context: Context): RunTransition<T>;
}

/** Makes an operation of one on an existing run. Throws WORKFLOW_NOT_FOUND when it is decided and there is none. */
export function onRun<T>(operation: RunOperation<T>): Operation<T> {
  return {
    ...operation,
    decide(workflow, context) {
      const run = requireRun(workflow, operation.runId);
      return ofWorkflow(workflow, run, operation.decide(run, context));
    },
  };
}

/** The run of a workflow, if it is the one that is meant. */
export function requireRun(workflow: Workflow, runId: string | undefined): RunState {
  const { run, workflowId } = workflow;
  if (run !== undefined && (runId === undefined || run.runId === runId)) return run;
  throw workflowNotFound(workflowId, runId);
}

/** The error of a workflow, or of one of its runs, that is not there. */
export function workflowNotFound(workflowId: string, runId: string | undefined): RefusedError {
  const what = runId === undefined ? `workflow "${workflowId}"` : `run ${runId} of workflow "${workflowId}"`;
  return new RefusedError(ErrorReason.WORKFLOW_NOT_FOUND, `there is no ${what} in this namespace`, {
    workflow_id: workflowId,
    ...(runId === undefined ? {} : { run_id: runId }),
  });
}
