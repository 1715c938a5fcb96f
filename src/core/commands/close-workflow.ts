/** The commands that end the run. */
import type {
  CancelWorkflowCommand,
  CompleteWorkflowCommand,
  FailWorkflowCommand,
} from "../../../gen/pawl/v1/command_pb.js";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { closeRun } from "../close-run.js";
import { RefusedError } from "../errors.js";
import { checkFailure, cutFailure } from "../failure.js";
import { retryRun } from "../next-run.js";
import { checkPayload } from "../payload.js";
import { invalidField } from "../refusals.js";
import type { CommandScope } from "./scope.js";

/** Ends the run with a result. */
export function closeAsCompleted(scope: CommandScope, { result }: CompleteWorkflowCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  checkPayload(result, `${field}.result`, draft.context.limits);
  const value = { taskCompletedEventId: completedEventId, ...(result === undefined ? {} : { result }) };
  closeRun(draft, WorkflowStatus.COMPLETED, { case: "workflowCompleted", value }, meta);
}

/** Ends the run with a failure. */
export function closeAsFailed(scope: CommandScope, command: FailWorkflowCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  if (command.failure === undefined) throw invalidField(`${field}.failure`, "must be given");
  checkFailure(command.failure, `${field}.failure`, draft.context.limits);
  const failure = cutFailure(command.failure, draft.context.limits);
  const value = { failure, taskCompletedEventId: completedEventId, ...retryRun(draft, failure) };
  closeRun(draft, WorkflowStatus.FAILED, { case: "workflowFailed", value }, meta);
}

/** Ends the run as cancelled. */
export function closeAsCancelled(scope: CommandScope, { details }: CancelWorkflowCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  if (draft.run.cancelRequestedEventId === undefined) {
    const message = "no cancellation of the run was requested; call CancelWorkflow first";
    throw new RefusedError(ErrorReason.CANCEL_NOT_REQUESTED, message);
  }
  checkPayload(details, `${field}.details`, draft.context.limits);
  const value = { taskCompletedEventId: completedEventId, ...(details === undefined ? {} : { details }) };
  closeRun(draft, WorkflowStatus.CANCELLED, { case: "workflowCancelled", value }, meta);
}
