/** Code of the test that time waits for: activities, and what the test has planned. */
import { AsyncLocalStorage } from "node:async_hooks";

/** A piece of code that runs for an environment. */
export interface Actor {
  /** How many of its promises wait for the environment, so that time need not stand still for it. */
  waits: number;
  /** Aborted when the environment does not want it any more. */
  readonly signal: AbortSignal;
}

const current = new AsyncLocalStorage<Actor>();

/** Runs code as an actor. */
export function runAsActor<T>(actor: Actor, code: () => T): T {
  return current.run(actor, code);
}

/** The actor whose code runs. Undefined: it is that of the test itself. */
export function currentActor(): Actor | undefined {
  return current.getStore();
}
