/** Signals as workflow code takes them. */
import { isCancellation } from "../failures.js";
import { nameOf } from "../workflow/definitions.js";
import type { SignalOptions } from "../workflow/signal-channel.js";
import type { RunParts } from "./run-parts.js";
import { limitWait } from "./timers.js";

/** Takes the next signal, waiting for it. */
export function takeSignal(parts: RunParts, name: string, options: SignalOptions = {}): Promise<unknown> {
  const { waits, signals } = parts;
  const kept = signals.takeKept(name);
  if (kept !== undefined) return Promise.resolve(kept.value ?? null);
  const rejected = waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  let stopTimer = () => {};
  const taker = {
    take(value: unknown) {
      stopTimer();
      wait.succeed(value ?? null);
    },
  };
  const leave = () => signals.leave(name, taker);
  signals.await(name, taker);
  const wait = waits.open<unknown>(`the signal "${name}"`, options, () => {
    leave();
    stopTimer();
    return "reject";
  });
  stopTimer = limitWait(parts, options.timeout, wait, { value: undefined, leave });
  return wait.promise;
}

/** Gives signals to a handler from now on, those that were kept first. */
export function handleSignals(
  { signals, handlerRuns, waits }: RunParts,
  signal: string | { readonly name: string },
  handler: (value: never) => unknown,
): void {
  const take = (value: unknown) =>
    handlerRuns.enterHandler(() => handler(value as never), {
      succeed() {},
      fail(error) {
        // A handler that was cancelled with its run leaves the end to the workflow function.
        if (!(waits.isCancelRequested && isCancellation(error))) handlerRuns.closeWithError(error);
      },
    });
  const kept = signals.handle(nameOf(signal), { take });
  // Not before the code that sets the handler has set up the rest.
  if (kept.length > 0) void Promise.resolve().then(() => kept.forEach(take));
}
