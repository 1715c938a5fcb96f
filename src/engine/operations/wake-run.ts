/** Waking a run: core acts on whatever of it is due. */
import type { Micros, RunState } from "../../core/run-state.js";
import { wake } from "../../core/wake.js";
import type { GroupCommit } from "../commit/group-commit.js";
import { onRun } from "../commit/operation.js";
import type { DueRun } from "../due-runs.js";
import type { MetricKind } from "../metrics.js";

/** What became of a run that was woken. */
export interface Woken {
  /** When it is due next; undefined if it waits for no time. */
  readonly dueAt: Micros | undefined;
  /** Of what kind the leases were that had expired. */
  readonly expired: readonly MetricKind[];
}

/** Wakes a run. */
export function wakeRun(
  commit: GroupCommit,
  { namespaceId, workflowId, runId }: Omit<DueRun, "dueAt">,
): Promise<Woken> {
  return commit.submit(
    onRun({
      namespaceId,
      workflowId,
      runId,
      bytes: 500,
      isOwed: true,
      // Heartbeats are stored beside the run: a cached state lacks the newest ones.
      needsFresh: true,
      isDue: true,
      decide(run, context) {
        const transition = wake(run, context);
        const { after } = transition;
        return { ...transition, outcome: { dueAt: after.wakeupAt, expired: expiredLeases(run, after) } };
      },
    }),
  );
}

/** A wake ends leases for no other reason than that their time is over. */
function expiredLeases(before: RunState, after: RunState): MetricKind[] {
  const expired: MetricKind[] = [];
  const task = before.workflowTask?.lease;
  if (task !== undefined && after.workflowTask?.lease?.epoch !== task.epoch) expired.push("workflow");
  if (before.activities === after.activities) return expired;
  for (const [seq, { lease }] of before.activities)
    if (lease !== undefined && after.activities.get(seq)?.lease?.epoch !== lease.epoch)
      expired.push("activity");
  return expired;
}
