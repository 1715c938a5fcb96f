/** Workflow code that waits for a promise that Pawl did not make. */
import { AsyncLocalStorage } from "node:async_hooks";
import { promiseHooks } from "node:v8";
import { captureFrames, isUserFrame, placeIn } from "./code-place.js";
import type { RunParts } from "./run-parts.js";

/** The code waits for something that no history can tell of, so that it would hang, or go on by chance. */
export class ForeignPromiseError extends Error {
  override readonly name = "ForeignPromiseError";

  constructor(what: string) {
    super(
      `${what}. Workflow code may only wait for what ctx gives, and for combinations of that: do I/O and wait for clocks in an activity, or in ctx.local`,
    );
  }
}

/** Whether the code has not ended, and nothing of Pawl's could ever make it go on. */
export function isStuck({ log, waits, signals, updates }: RunParts): boolean {
  if (log.isClosed || log.fault !== undefined) return false;
  return waits.openOnes.length === 0 && !signals.isAnyHandled && updates.size === 0;
}

/** The error of code that is stuck, with the places where it waits as far as they are known. */
export function stuckError(
  { waits }: Pick<RunParts, "waits">,
  places: readonly string[],
): ForeignPromiseError {
  const where =
    places.length > 0
      ? `at ${places.join(", and at ")}`
      : `after ${waits.lastEnded === undefined ? "its beginning" : `${waits.lastEnded} had ended`}`;
  return new ForeignPromiseError(`the workflow awaited a promise that Pawl did not make ${where}`);
}

/** A promise that was made while code was watched. */
interface Made {
  readonly frames: readonly string[];
  /** The promise that it waits for, if it is an await or a `then`. */
  readonly parent: Promise<unknown> | undefined;
}

const watched = new AsyncLocalStorage<Map<Promise<unknown>, Made>>();

/** Runs code once more and finds where it waits at the end. Slow: every promise is looked at. */
export async function findAwaits(run: () => Promise<unknown>): Promise<string[]> {
  const made = new Map<Promise<unknown>, Made>();
  const all = new Map<Promise<unknown>, Made>();
  function init(promise: Promise<unknown>, parent: Promise<unknown> | undefined) {
    if (watched.getStore() !== made) return;
    const entry = { frames: captureFrames(init), parent };
    made.set(promise, entry);
    all.set(promise, entry);
  }
  const before = (promise: Promise<unknown>) => void made.delete(promise);
  const stop = promiseHooks.createHook({ init, before }) as () => void;
  try {
    await watched.run(made, run);
  } finally {
    stop();
  }
  const pending = [...made.values()].filter(({ parent, frames }) => parent !== undefined && isByUser(frames));
  const foreign = pending.filter(({ parent }) => !isOfCode(parent && all.get(parent)));
  const places = foreign.map(({ frames }) => placeIn(frames));
  return [...new Set(places.filter((place) => place !== undefined))];
}

/** Whether the user's own code waits there, not the SDK on its behalf. */
function isByUser(frames: readonly string[]): boolean {
  const made = frames.find((frame) => /:\d+:\d+\)?$/.test(frame) && !frame.includes("node:"));
  return made !== undefined && isUserFrame(made);
}

/** Whether a promise is that of an async function of the user's or the SDK's, which waits for something itself. */
function isOfCode(made: Made | undefined): boolean {
  const top = made?.frames.find((frame) => !frame.includes("node:")) ?? "";
  if (/^(new )?Promise\b|^Function\.|^Promise\./.test(top)) return false;
  return made !== undefined && made.parent === undefined && (isUserFrame(top) || /\/sdk\/\w+\//.test(top));
}
