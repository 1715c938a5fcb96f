/** Parts of workflow code that are cancelled together, or not at all. */
import { AsyncLocalStorage } from "node:async_hooks";

/** What can cancel a wait that is begun in a part of the code. */
export interface Region {
  /** The scopes around it, as far as they reach. */
  readonly signals: readonly AbortSignal[];
  /** Whether a request to cancel the run passes it by. */
  readonly isShielded: boolean;
}

const root: Region = { signals: [], isShielded: false };
const regions = new AsyncLocalStorage<Region>();

/** The region of the code that runs. */
export function currentRegion(): Region {
  return regions.getStore() ?? root;
}

/** Runs code in a region; what it waits for afterwards is in it as well. */
export function runInRegion<T>(region: Region, run: () => T): T {
  return regions.run(region, run);
}

/** Runs code outside of all scopes and shields, as the workflow function itself begins. */
export function runAtRoot<T>(run: () => T): T {
  return regions.run(root, run);
}
