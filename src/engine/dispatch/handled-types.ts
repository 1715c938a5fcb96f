/** Which types the polls of a queue have handled lately. */
import type { Micros } from "../../core/run-state.js";

/** Types, or all there are. */
export type Handled = "all" | ReadonlySet<string>;

/** Remembers types; bounded. */
export interface HandledTypes {
  /** A poll that handles these types, or all if there are none, was open at a time. */
  note(types: readonly string[], at: Micros): void;
  /** What polls have handled since a time. */
  since(at: Micros): Handled;
}

/** Beyond so many types of one queue all are taken to be handled: rather a worker too many is believed in than one too few. */
const maxTypes = 200;

/** Opens what remembers no types yet. */
export function openHandledTypes(): HandledTypes {
  /** When each was handled last; the one that was handled last comes last. */
  const seenAt = new Map<string, Micros>();
  let allAt = Number.NEGATIVE_INFINITY;

  function note(type: string, at: Micros): void {
    seenAt.delete(type);
    seenAt.set(type, at);
    if (seenAt.size <= maxTypes) return;
    const [oldest] = seenAt;
    if (oldest === undefined) return;
    seenAt.delete(oldest[0]);
    allAt = Math.max(allAt, oldest[1]);
  }

  return {
    note(types, at) {
      if (types.length === 0 || types.length > maxTypes) allAt = at;
      else for (const type of types) note(type, at);
    },
    since(at) {
      if (allAt >= at) return "all";
      return new Set([...seenAt].flatMap(([type, last]) => (last >= at ? [type] : [])));
    },
  };
}
