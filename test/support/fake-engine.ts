import type { Engine } from "../../src/engine/engine.js";

/** An engine that does what a test says, and refuses to do anything else. */
export function fakeEngine(operations: Partial<Engine> = {}): Engine {
  return new Proxy(operations, {
    get: (target, name: keyof Engine) =>
      target[name] ??
      (() => {
        throw new Error(`the test gave the engine no ${name}`);
      }),
  }) as Engine;
}
