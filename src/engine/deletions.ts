/** Deletes closed runs, and removes what hung on them: by this server at once, and by any other if this one stops in the middle. */
import type { Database } from "../store/database.js";
import { clearDeletions, type DoomedRun, deleteRun } from "../store/deletions.js";
import type { Clock } from "./clock.js";
import { runIdTail } from "./peers.js";
import type { RunWatch } from "./run-watch.js";
import type { StateCache } from "./state-cache.js";

/** Deletes runs. */
export interface Deletions {
  /** Takes a closed run away: nobody finds it any more. False: it is not there, or open. */
  deleteRun(run: DoomedRun): Promise<boolean>;
  /** Lets it be known that runs were taken away, and what hangs on them be removed. */
  tellDeleted(runs: readonly DoomedRun[]): void;
  /** How many of those that this server took away something may still hang on. */
  backlog(): number;
  /** Removes a bounded part of what hangs on deleted runs. Resolves with how long the next pass can wait, in milliseconds. */
  clear(): Promise<number>;
  /** Calls back when `clear` has something to do earlier than it said. */
  onDeleted(callback: () => void): void;
}

/** What deleting works with. */
export interface DeletionParts {
  readonly database: Pick<Database, "transaction">;
  readonly clock: Pick<Clock, "steadyNow">;
  readonly cache: StateCache;
  readonly watch: RunWatch;
  /** Tells the other servers that a run is no more. */
  tellGone(runId: string): void;
}

/**
 * One pass: the rows of so few runs that it is soon over even where they are many and large. As long as passes are short, each takes twice as many runs as
 * the one before.
 */
const onePass = { fewestRuns: 10, mostRuns: 160, maxRows: 1_000 };
const shortMicros = 50_000;
/** What another server has left undone is looked for so often. */
const restMs = 60_000;

/** Opens deletions. */
export function openDeletions({ database, clock, cache, watch, tellGone }: DeletionParts): Deletions {
  let tell = () => {};
  let backlog = 0;
  let maxRuns = onePass.fewestRuns;

  function tellDeleted(runs: readonly DoomedRun[]): void {
    for (const { namespaceId, workflowId, runId } of runs) {
      cache.drop(namespaceId, workflowId);
      watch.changedTail(runIdTail(runId), true);
      tellGone(runId);
    }
    backlog += runs.length;
    if (runs.length > 0) tell();
  }

  return {
    tellDeleted,
    backlog: () => backlog,
    async deleteRun(run) {
      const isDeleted = await database.transaction((tx) => deleteRun(tx, run));
      if (isDeleted) tellDeleted([run]);
      return isDeleted;
    },
    async clear() {
      const asked = maxRuns;
      const beganAt = clock.steadyNow();
      // Behind one that fails, perhaps since it took too long, comes the smallest.
      maxRuns = onePass.fewestRuns;
      // In a transaction of its own: it may take long, and would hold up every read behind it.
      const hasMore = await database.transaction((tx) =>
        clearDeletions(tx, { maxRuns: asked, maxRows: onePass.maxRows }),
      );
      const isShort = clock.steadyNow() - beganAt < shortMicros;
      if (hasMore && isShort) maxRuns = Math.min(2 * asked, onePass.mostRuns);
      backlog = hasMore ? Math.max(0, backlog - asked) : 0;
      return hasMore ? 0 : restMs;
    },
    onDeleted(callback) {
      tell = callback;
    },
  };
}
