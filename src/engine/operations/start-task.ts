/** Starting a task that was claimed from the ready ones. */
import { startActivity } from "../../core/activity.js";
import type { RunState } from "../../core/run-state.js";
import type { HandedTask, Poller } from "../../core/transition.js";
import { startWorkflowTask } from "../../core/workflow-task.js";
import type { ClaimedTask } from "../../store/claim.js";
import type { GroupCommit } from "../commit/group-commit.js";
import { onRun } from "../commit/operation.js";

/** A task whose lease is made, with the run where it had been made before: then no commit will tell of it. */
export interface StartedClaim {
  readonly handed: HandedTask | undefined;
  readonly found: RunState | undefined;
}

/** Makes the lease of a claimed task; nothing is handed if it was not there any more. */
export function startClaimedTask(
  commit: GroupCommit,
  claimed: ClaimedTask,
  kind: "workflow" | "activity",
  poller: Poller,
): Promise<StartedClaim> {
  const { namespaceId, workflowId, runId, seq } = claimed;
  return commit.submit(
    onRun({
      namespaceId,
      workflowId,
      runId,
      bytes: 500,
      isOwed: true,
      decide(run, context) {
        const transition =
          kind === "workflow"
            ? startWorkflowTask(run, { poller }, context)
            : startActivity(run, { seq, poller }, context);
        const handed = transition.outcome;
        const isFound = handed !== undefined && transition.after === run;
        return { ...transition, outcome: { handed, found: isFound ? run : undefined } };
      },
    }),
  );
}
