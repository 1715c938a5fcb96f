/** What the workflows whose histories are kept do to the world: nothing. */
import type { ActivityContext } from "../../../src/sdk/worker/index.js";
import { ApplicationFailure } from "../../../src/sdk/workflow/index.js";

let begun = () => {};
let isBegun = new Promise<void>((resolve) => {
  begun = resolve;
});

export const echo = async (value: unknown) => value;

export async function failTwice(value: unknown, { info }: ActivityContext): Promise<unknown> {
  if (info.attempt <= 2) throw new Error(`attempt ${info.attempt}`);
  return value;
}

export async function failAlways(): Promise<never> {
  throw new Error("always");
}

export async function refuse(message: string): Promise<never> {
  throw new ApplicationFailure(message, { type: "Refused", isNonRetryable: true });
}

export async function hang(_: null, { signal }: ActivityContext): Promise<void> {
  await untilAborted(signal);
}

export async function untilCancelled(_: null, { signal, heartbeat }: ActivityContext): Promise<void> {
  begun();
  const beat = setInterval(() => heartbeat("here"), 50);
  await untilAborted(signal).finally(() => clearInterval(beat));
  throw signal.reason;
}

export async function untilBegun(): Promise<void> {
  await isBegun;
  isBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
