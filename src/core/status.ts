/** Where a run stands. */
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";

/** Whether a run of this status is over and changes no more. */
export function isClosedStatus(status: WorkflowStatus): boolean {
  return status !== WorkflowStatus.PENDING && status !== WorkflowStatus.RUNNING;
}

/** The status in a word, as errors and texts show it. */
export function statusName(status: WorkflowStatus): string {
  return WorkflowStatus[status];
}
