/** Globals as workflow code sees them: of the run's own time and seed, or refused. Everywhere else in the process they are what they were. */
import crypto, { type webcrypto } from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import { captureFrames, placeIn } from "./code-place.js";
import { uuidFrom } from "./random.js";
import { type CodeGlobals, currentRegion } from "./regions.js";

/** Workflow code called what would not be the same on replay. */
export class DeterminismError extends Error {
  override readonly name = "DeterminismError";

  constructor(what: string, place: string | undefined, instead: string) {
    super(`${what} can't be used in workflow code${place ? ` (at ${place})` : ""}: ${instead}`);
  }
}

type AnyFunction = (...args: never[]) => unknown;
/** What a function does in workflow code, given its arguments. */
type InCode = (globals: CodeGlobals, args: readonly unknown[]) => unknown;

const useSleep =
  "wait with ctx.sleep, or limit a wait with ctx.timeout; clocks of this process say nothing on replay";
const useActivity = "do it in an activity, or in ctx.local, so that its outcome is recorded";
const made = new WeakSet<object>();
/** Whether something was replaced of which Node's modules have not been told: telling them costs some tenths of a millisecond. */
let isSyncDue = false;

/** Lets the globals, and the functions of Node's modules that do the same, look whether workflow code calls them. May be called again. */
export function patchGlobals(): void {
  patchDate();
  patch(Math, "random", ({ random }) => random());
  patch(globalThis.crypto, "randomUUID", ({ random }) => uuidFrom(random));
  patch(globalThis.crypto, "getRandomValues", fillRandom);
  patch(performance, "now", ({ now, startedAt }) => now() - startedAt);
  for (const name of ["setTimeout", "setInterval", "setImmediate"]) {
    for (const holder of [globalThis, timers, timersPromises]) patch(holder, name, refuse(name, useSleep));
  }
  patch(AbortSignal, "timeout", refuse("AbortSignal.timeout", useSleep));
  patch(globalThis, "fetch", refuse("fetch", useActivity));
  patch(crypto, "randomUUID", ({ random }) => uuidFrom(random));
  patch(crypto, "randomInt", refuse("randomInt of node:crypto", "use ctx.random()"));
  patch(crypto, "randomBytes", refuse("randomBytes of node:crypto", "use ctx.random() or ctx.uuid()"));
  if (isSyncDue) syncBuiltinESMExports();
  isSyncDue = false;
}

function patch(holder: object, name: string, inCode: InCode): void {
  const original: unknown = Reflect.get(holder, name);
  if (typeof original !== "function" || made.has(original)) return;
  function replacement(this: unknown, ...args: unknown[]): unknown {
    const { globals } = currentRegion();
    return globals === undefined ? Reflect.apply(original as AnyFunction, this, args) : inCode(globals, args);
  }
  replace(holder, name, replacement);
}

function replace(holder: object, name: string, replacement: AnyFunction): void {
  const original: object = Reflect.get(holder, name);
  // What hangs on it goes along, such as what util.promisify looks for.
  const { prototype: _, ...properties } = Object.getOwnPropertyDescriptors(original) as PropertyDescriptorMap;
  Object.defineProperties(replacement, properties);
  made.add(replacement);
  isSyncDue = true;
  const isEnumerable = Object.getOwnPropertyDescriptor(holder, name)?.enumerable ?? false;
  Object.defineProperty(holder, name, {
    value: replacement,
    writable: true,
    configurable: true,
    enumerable: isEnumerable,
  });
}

/** Only what reads the clock differs; the dates are the same kind of object. */
function patchDate(): void {
  const original = Date;
  if (made.has(original)) return;
  function replacement(this: unknown, ...args: unknown[]): unknown {
    const { globals } = currentRegion();
    const given = args.length === 0 && globals !== undefined ? [globals.now()] : args;
    if (new.target === undefined) return String(new original(globals?.now() ?? original.now()));
    return Reflect.construct(
      original,
      given,
      new.target === (replacement as unknown) ? original : new.target,
    );
  }
  replacement.prototype = original.prototype;
  replace(globalThis, "Date", replacement);
  original.prototype.constructor = replacement;
  patch(Date, "now", ({ now }) => now());
}

function refuse(what: string, instead: string): InCode {
  return function refused() {
    throw new DeterminismError(what, placeIn(captureFrames(refused)), instead);
  };
}

function fillRandom({ random }: CodeGlobals, [array]: readonly unknown[]): unknown {
  const { buffer, byteOffset, byteLength } = array as Parameters<webcrypto.Crypto["getRandomValues"]>[0] &
    Uint8Array;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(random() * 256);
  return array;
}
