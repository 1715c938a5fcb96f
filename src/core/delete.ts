/** Deleting a run. */
import { workflowOpen } from "./refusals.js";
import type { RunState } from "./run-state.js";
import { isClosedStatus } from "./status.js";

/** Whether a run may be deleted: only what changes no more. Throws WORKFLOW_OPEN. */
export function checkDeletion(run: RunState): void {
  if (!isClosedStatus(run.status)) throw workflowOpen(run);
}
