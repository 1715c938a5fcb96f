/** What surrounds workflow code as it runs, wherever it goes on: what can cancel it, and what its globals are made of. */
import { AsyncLocalStorage } from "node:async_hooks";

/** A part of the code that is cancelled together, or not at all. */
export interface Region {
  /** The scopes around it, as far as they reach. */
  readonly signals: readonly AbortSignal[];
  /** Whether a request to cancel the run passes it by. */
  readonly isShielded: boolean;
  /** Undefined: it is no workflow code. */
  readonly globals: CodeGlobals | undefined;
}

/** What the globals of workflow code are made of. */
export interface CodeGlobals {
  /** The run's time, in milliseconds. */
  now(): number;
  /** When the run began, in milliseconds. */
  readonly startedAt: number;
  /** A random number from 0 up to 1, the same again on replay. */
  random(): number;
}

const outside: Region = { signals: [], isShielded: false, globals: undefined };
const regions = new AsyncLocalStorage<Region>();

/** The region of the code that runs. */
export function currentRegion(): Region {
  return regions.getStore() ?? outside;
}

/** Runs code in a region; what it waits for afterwards is in it as well. */
export function runInRegion<T>(region: Region, run: () => T): T {
  return regions.run(region, run);
}

/** Runs code outside of all scopes and shields, as the workflow function itself begins. */
export function runAtRoot<T>(globals: CodeGlobals, run: () => T): T {
  return regions.run({ signals: [], isShielded: false, globals }, run);
}

/** Runs what is no workflow code, though workflow code set it off. */
export function runOutside<T>(run: () => T): T {
  return regions.run(outside, run);
}
