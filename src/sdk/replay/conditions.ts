/** Conditions that workflow code waits for. */
import type { ConditionOptions } from "../workflow/options.js";
import { runLooking } from "./restrictions.js";
import type { RunParts } from "./run-parts.js";
import { limitWait } from "./timers.js";

/** A condition that does not hold yet. */
interface Condition {
  /** Ends its wait if it holds, or if its code throws. Says whether it has. */
  look(): boolean;
}

/** The conditions of a run. */
export interface Conditions {
  add(condition: Condition): void;
  remove(condition: Condition): void;
  /** Ends the first wait whose condition holds. One at a time, so that each still holds when its code goes on. */
  endOne(): boolean;
}

/** Makes the conditions of a run that begins. */
export function createConditions(): Conditions {
  const conditions = new Set<Condition>();
  return {
    add: (condition) => void conditions.add(condition),
    remove: (condition) => void conditions.delete(condition),
    endOne: () => [...conditions].some((condition) => condition.look()),
  };
}

/** Waits until a condition holds. */
export function waitForCondition(
  parts: RunParts,
  predicate: () => boolean,
  options: ConditionOptions,
): Promise<boolean> {
  const { waits, conditions, globals } = parts;
  const holds = () => runLooking(globals, "the function of a condition", predicate);
  const rejected = waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  if (holds()) return Promise.resolve(true);
  let stopTimer = () => {};
  const leave = () => conditions.remove(condition);
  const wait = waits.open<boolean>(`the condition ${brief(predicate)}`, options, () => {
    leave();
    stopTimer();
    return "reject";
  });
  const condition = {
    look() {
      try {
        if (!holds()) return false;
        wait.succeed(true);
      } catch (error) {
        wait.fail(error as Error);
      }
      leave();
      stopTimer();
      return true;
    },
  };
  conditions.add(condition);
  stopTimer = limitWait(parts, options.timeout, wait, { value: false, leave });
  return wait.promise;
}

/** A short text of a function, for messages. */
function brief(predicate: () => boolean): string {
  const text = String(predicate).replace(/\s+/g, " ");
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
