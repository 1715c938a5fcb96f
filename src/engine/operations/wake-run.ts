/** Waking a run: core acts on whatever of it is due. */

import type { Micros } from "../../core/run-state.js";
import { wake } from "../../core/wake.js";
import type { GroupCommit } from "../commit/group-commit.js";
import { onRun } from "../commit/operation.js";
import type { DueRun } from "../due-runs.js";

/** Wakes a run. Answers when it is due next; undefined if it waits for no time. */
export function wakeRun(
  commit: GroupCommit,
  { namespaceId, workflowId, runId }: DueRun,
): Promise<Micros | undefined> {
  return commit.submit(
    onRun({
      namespaceId,
      workflowId,
      runId,
      bytes: 500,
      // Heartbeats are stored beside the run: a cached state lacks the newest ones.
      needsFresh: true,
      isDue: true,
      decide(run, context) {
        const transition = wake(run, context);
        return { ...transition, outcome: transition.after.wakeupAt };
      },
    }),
  );
}
