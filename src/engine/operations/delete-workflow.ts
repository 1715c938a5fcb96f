/** Deleting closed runs. */
import type { DeleteWorkflowRequest } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { checkDeletion } from "../../core/delete.js";
import { workflowNotFound } from "../commit/operation.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { findRun } from "../reads/find-run.js";

/** Deletes a closed run. What is closed never opens again, so the run that was found here may be deleted or gone later, and nothing else. */
export async function deleteWorkflow(parts: EngineParts, request: DeleteWorkflowRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { workflowId } = request;
  const run = await findRun(parts, { namespaceId, workflowId, runId: request.runId });
  checkDeletion(run);
  if (!(await parts.deletions.deleteRun(run))) throw workflowNotFound(workflowId, run.runId);
  return {};
}
