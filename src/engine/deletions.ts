/** Deletes closed runs, and removes what hung on them: by this server at once, and by any other if this one stops in the middle. */
import type { Database } from "../store/database.js";
import { clearDeletions, type DoomedRun, deleteRun } from "../store/deletions.js";
import { runIdTail } from "./peers.js";
import type { RunWatch } from "./run-watch.js";
import type { StateCache } from "./state-cache.js";

/** Deletes runs. */
export interface Deletions {
  /** Takes a closed run away: nobody finds it any more. False: it is not there, or open. */
  deleteRun(run: DoomedRun): Promise<boolean>;
  /** Lets it be known that runs were taken away, and what hangs on them be removed. */
  tellDeleted(runs: readonly DoomedRun[]): void;
  /** Removes a bounded part of what hangs on deleted runs. Resolves with how long the next pass can wait, in milliseconds. */
  clear(): Promise<number>;
  /** Calls back when `clear` has something to do earlier than it said. */
  onDeleted(callback: () => void): void;
}

/** What deleting works with. */
export interface DeletionParts {
  readonly database: Database;
  readonly cache: StateCache;
  readonly watch: RunWatch;
  /** Tells the other servers that a run is no more. */
  tellGone(runId: string): void;
}

/** One pass: some ten thousand rows of each table with many, and the bytes of ten histories at the most. */
const onePass = { maxRuns: 10, maxRows: 1_000 };
/** What another server has left undone is looked for so often. */
const restMs = 60_000;

/** Opens deletions. */
export function openDeletions({ database, cache, watch, tellGone }: DeletionParts): Deletions {
  let tell = () => {};

  function tellDeleted(runs: readonly DoomedRun[]): void {
    for (const { namespaceId, workflowId, runId } of runs) {
      cache.drop(namespaceId, workflowId);
      watch.changedTail(runIdTail(runId), true);
      tellGone(runId);
    }
    if (runs.length > 0) tell();
  }

  return {
    tellDeleted,
    async deleteRun(run) {
      const isDeleted = await database.transaction((tx) => deleteRun(tx, run));
      if (isDeleted) tellDeleted([run]);
      return isDeleted;
    },
    async clear() {
      // In a transaction of its own: it may take long, and would hold up every read behind it.
      const hasMore = await database.transaction((tx) => clearDeletions(tx, onePass));
      return hasMore ? 0 : restMs;
    },
    onDeleted(callback) {
      tell = callback;
    },
  };
}
