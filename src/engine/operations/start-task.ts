/** Starting a task that was claimed from the ready ones. */
import { startActivity } from "../../core/activity.js";
import type { HandedTask, Poller } from "../../core/transition.js";
import { startWorkflowTask } from "../../core/workflow-task.js";
import type { ClaimedTask } from "../../store/claim.js";
import type { GroupCommit } from "../commit/group-commit.js";
import { onRun } from "../commit/operation.js";

/** Makes the lease of a claimed task; undefined if it was not there any more. */
export function startClaimedTask(
  commit: GroupCommit,
  claimed: ClaimedTask,
  kind: "workflow" | "activity",
  poller: Poller,
): Promise<HandedTask | undefined> {
  const { namespaceId, workflowId, runId, seq } = claimed;
  return commit.submit(
    onRun({
      namespaceId,
      workflowId,
      runId,
      bytes: 500,
      decide: (run, context) =>
        kind === "workflow"
          ? startWorkflowTask(run, { poller }, context)
          : startActivity(run, { seq, poller }, context),
    }),
  );
}
