/** Code of the test that time waits for: activities, and what the test has planned. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Duration } from "../duration.js";
import { TestSetupError } from "./errors.js";

/** A piece of code that runs for an environment. */
export interface Actor {
  /** How many of its promises wait for the environment, so that time need not stand still for it. */
  waits: number;
  /** Aborted when the environment does not want it any more. */
  readonly signal: AbortSignal;
  /** Waits by the clock of the environment. */
  sleep(duration: Duration): Promise<void>;
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

/**
 * Takes so much time, by the clock of the environment: for activities of a test that take long. Rejects if the attempt is aborted meanwhile. Throws a TestSetupError where no
 * environment runs the code that calls it, such as in the test itself, which has `env.sleep`.
 */
export async function sleep(duration: Duration): Promise<void> {
  const actor = currentActor();
  if (actor === undefined)
    throw new TestSetupError(
      "sleep() is for activities of an environment: use env.sleep() in the test itself",
    );
  return actor.sleep(duration);
}
