/** What a dead worker had is no longer its own; what others have stays. */
import type { DeadWorker } from "../../../src/core/release-worker.js";
import type { Lease, RunState } from "../../../src/core/run-state.js";
import { rule } from "../rule.js";

/** Compares a run before and after a worker that was declared dead at this time was released. */
export function checkRelease(before: RunState, after: RunState, dead: DeadWorker, now: number): void {
  const left = leasesOf(after);
  for (const lease of leasesOf(before)) {
    const isKept = left.includes(lease);
    if (lease.workerId !== dead.workerId) rule(isKept, "others keep what is theirs");
    else if (lease.startedAt > dead.silentSince) rule(isKept, "what was taken since is kept");
    else rule(!isKept || dead.silentSince < now, "a dead worker keeps nothing");
  }
}

function leasesOf({ workflowTask, activities }: RunState): Lease[] {
  return [workflowTask?.lease, ...[...activities.values()].map(({ lease }) => lease)].filter(
    (lease) => lease !== undefined,
  );
}
