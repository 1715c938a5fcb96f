/** Code that may look at a run but neither act on it nor wait. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type CodeGlobals, runAtRoot } from "./regions.js";

/** Code that may only look did more. */
export class RestrictedCodeError extends Error {
  override readonly name = "RestrictedCodeError";
}

// Asynchronous, so that what such code leaves behind to go on later is held to it as well.
const restricted = new AsyncLocalStorage<string>();

/** Runs code that may only look; `who` names it, such as "a query handler". */
export function runRestricted<T>(who: string, run: () => T): T {
  return restricted.run(who, run);
}

/** Runs workflow code that may only look. */
export function runLooking<T>(globals: CodeGlobals, who: string, run: () => T): T {
  return runRestricted(who, () => runAtRoot(globals, run));
}

/** Throws a RestrictedCodeError if the code that runs may only look. */
export function refuseRestricted(what: string): void {
  const who = restricted.getStore();
  if (who === undefined) return;
  throw new RestrictedCodeError(
    `${who} must only look at the run's state and return at once, but it asked for: ${what}. Do that in the workflow function, or in a handler of a signal or update`,
  );
}
