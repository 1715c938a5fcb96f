/** Tells those who wait for a run that it has changed. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";
import type { RunState } from "../core/run-state.js";
import { runIdTail } from "./peers.js";

/** What is known of a change. */
export interface RunChange {
  /** Whether the run is closed now, or may be. */
  readonly mayBeClosed: boolean;
  /** The run as it was committed here. Undefined: another server changed it, if anyone did. */
  readonly run?: RunState;
}

/** Watches runs by id. */
export interface RunWatch {
  /** Calls back on every change of a run until the returned function is called. Throws SERVER_BUSY. */
  watch(runId: string, onChange: (change: RunChange) => void): () => void;
  /** Says that a run was changed by this server. */
  changed(run: RunState, isClosed: boolean): void;
  /** Says that a run whose id ends so may have changed: another server's hint. */
  changedTail(tail: string, mayBeClosed: boolean): void;
  /** Says that any run may have changed: every waiter looks again. */
  allChanged(): void;
  /** How many wait. */
  size(): number;
}

/** Beyond so many waiting calls others are refused. */
const maxWatches = 100_000;

/** Opens an empty watch. */
export function openRunWatch(): RunWatch {
  /** By the ends of run ids, which is how hints name them; two runs with the same end only look once too often. */
  const watchers = new Map<string, Set<(change: RunChange) => void>>();

  let watching = 0;

  function tell(tail: string, change: RunChange): void {
    for (const onChange of [...(watchers.get(tail) ?? [])]) onChange(change);
  }

  return {
    watch(runId, onChange) {
      if (watching >= maxWatches) throw tooManyWaits();
      const tail = runIdTail(runId);
      const set = watchers.get(tail) ?? new Set();
      watchers.set(tail, set);
      set.add(onChange);
      watching++;
      return () => {
        if (set.delete(onChange)) watching--;
        if (set.size === 0 && watchers.get(tail) === set) watchers.delete(tail);
      };
    },
    changed: (run, isClosed) => tell(runIdTail(run.runId), { mayBeClosed: isClosed, run }),
    changedTail: (tail, mayBeClosed) => tell(tail, { mayBeClosed }),
    allChanged() {
      for (const tail of [...watchers.keys()]) tell(tail, { mayBeClosed: true });
    },
    size: () => watching,
  };
}

function tooManyWaits(): RefusedError {
  return new RefusedError(
    ErrorReason.SERVER_BUSY,
    `the server has ${maxWatches} calls that wait for runs, as many as it may: try again with back-off`,
    { limit: String(maxWatches) },
  );
}
