/** Tells those who wait for a run that it has changed. */

import { runIdTail } from "./peers.js";

/** Watches runs by id. */
export interface RunWatch {
  /** Calls back on every change of a run until the returned function is called. */
  watch(runId: string, onChange: () => void): () => void;
  /** Says that a run has changed. */
  changed(runId: string): void;
  /** Says that a run whose id ends so may have changed: another server's hint. */
  changedTail(tail: string): void;
  /** Says that any run may have changed: every waiter looks again. */
  allChanged(): void;
  size(): number;
}

/** Opens an empty watch. */
export function openRunWatch(): RunWatch {
  /** By the ends of run ids, which is how hints name them; two runs with the same end only look once too often. */
  const watchers = new Map<string, Set<() => void>>();

  function changedTail(tail: string): void {
    for (const onChange of [...(watchers.get(tail) ?? [])]) onChange();
  }

  return {
    watch(runId, onChange) {
      const tail = runIdTail(runId);
      const set = watchers.get(tail) ?? new Set();
      watchers.set(tail, set);
      set.add(onChange);
      return () => {
        set.delete(onChange);
        if (set.size === 0 && watchers.get(tail) === set) watchers.delete(tail);
      };
    },
    changed: (runId) => changedTail(runIdTail(runId)),
    changedTail,
    allChanged() {
      for (const set of [...watchers.values()]) for (const onChange of [...set]) onChange();
    },
    size: () => watchers.size,
  };
}
