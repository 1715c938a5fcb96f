/** Runs kept in memory, so that a task needs only what is new. */
import type { Execution } from "../replay/execution.js";

/** A bounded number of runs; the one that was used longest ago makes room. */
export interface RunCache {
  /** Takes a run out, to work on it. */
  take(runId: string): Execution | undefined;
  /** Puts a run back that has gone through a task; one that has come further meanwhile stays. */
  put(runId: string, execution: Execution): void;
  /** Drops a part of the runs, from 0 to 1, at least one: those that were used longest ago. */
  shed(part: number): void;
}

/** Makes an empty cache. */
export function createRunCache(limit: number): RunCache {
  const runs = new Map<string, Execution>();
  const dropOldest = (count: number) => {
    let left = count;
    for (const oldest of runs.keys()) {
      if (left-- <= 0) return;
      runs.delete(oldest);
    }
  };
  return {
    take(runId) {
      const execution = runs.get(runId);
      runs.delete(runId);
      return execution;
    },
    put(runId, execution) {
      if ((runs.get(runId)?.position ?? 0) > execution.position) return;
      runs.delete(runId);
      runs.set(runId, execution);
      dropOldest(runs.size - limit);
    },
    shed(part) {
      dropOldest(Math.ceil(runs.size * part));
    },
  };
}
