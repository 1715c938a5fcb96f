/** The refusals that several transitions share. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "./errors.js";
import type { RunState } from "./run-state.js";
import { statusName } from "./status.js";

/** A field of a request is missing, out of range or malformed. */
export function invalidField(field: string, why: string): RefusedError {
  return new RefusedError(ErrorReason.INVALID_FIELD, `${field} ${why}`, { field });
}

/** Something is larger than its limit, in bytes. */
export function sizeLimit(field: string, limit: number, actual: number): RefusedError {
  return new RefusedError(ErrorReason.SIZE_LIMIT, `${field} has ${actual} bytes; the limit is ${limit}`, {
    field,
    limit: String(limit),
    actual: String(actual),
  });
}

/** The caller does not hold the task any more. */
export function staleLease(task: string): RefusedError {
  const message = `the lease of ${task} is over: it expired, the task was given to another, or it has ended; drop the task`;
  return new RefusedError(ErrorReason.STALE_LEASE, message);
}

/** The run is closed and changes no more. */
export function workflowClosed(run: RunState): RefusedError {
  const status = statusName(run.status);
  const message = `workflow "${run.workflowId}" is closed (${status}) and changes no more; start a new run if one is wanted`;
  return new RefusedError(ErrorReason.WORKFLOW_CLOSED, message, { status, run_id: run.runId });
}

/** The request id was used before for something else. */
export function requestIdReused(requestId: string): RefusedError {
  const message = `request id "${requestId}" was used for a call with other content; make a new one for each new call`;
  return new RefusedError(ErrorReason.REQUEST_ID_REUSED, message, { request_id: requestId });
}

/** The run has not ended yet. */
export function workflowOpen(run: RunState): RefusedError {
  const status = statusName(run.status);
  const message = `run ${run.runId} of workflow "${run.workflowId}" is open (${status}): wait for its end, or cancel or terminate it`;
  return new RefusedError(ErrorReason.WORKFLOW_OPEN, message, { status, run_id: run.runId });
}

/** The run was there and is no more. */
export function runDeleted({ workflowId, runId }: Pick<RunState, "workflowId" | "runId">): RefusedError {
  const message = `run ${runId} of workflow "${workflowId}" was deleted`;
  return new RefusedError(ErrorReason.RUN_DELETED, message, { workflow_id: workflowId, run_id: runId });
}

/** Nothing starts in the namespace any more, and it does not change. */
export function namespaceEnding(namespace: string): RefusedError {
  const message = `namespace "${namespace}" is being deleted and takes no more starts and changes; use another`;
  return new RefusedError(ErrorReason.NAMESPACE_IN_USE, message, { namespace });
}
