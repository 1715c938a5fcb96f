/** Watching how long workflow code holds its thread. */

/** Told when code of a run holds the thread. That of one run at a time does. */
export interface TurnWatch {
  /** Code runs, or, called again, runs on. */
  begin(): void;
  /** It waits. May be called again. */
  end(): void;
}

/** Watches nothing. */
export const noWatch: TurnWatch = { begin() {}, end() {} };

/**
 * Enters code. It has ended when the microtasks have: the caller is one of them, so what is queued for the next tick comes behind the last of them.
 */
export function enterWatched<T>(watch: TurnWatch, code: () => T): T {
  watch.begin();
  process.nextTick(() => watch.end());
  return code();
}
