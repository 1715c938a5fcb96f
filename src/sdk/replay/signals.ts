/** Signals: those that came and were not taken, and those that are waited for. */

/** Somebody who waits for a signal. */
export interface SignalTaker {
  take(value: unknown): void;
}

/** The signals of a run, by name. */
export interface Signals {
  /** Gives a signal to whoever has waited longest, else keeps it. */
  deliver(name: string, value: unknown): void;
  /** The oldest kept signal of a name, with it taken away. */
  takeKept(name: string): { readonly value: unknown } | undefined;
  /** Waits behind those who wait already. */
  await(name: string, taker: SignalTaker): void;
  /** Waits no more. */
  leave(name: string, taker: SignalTaker): void;
}

/** Makes the signals of a run that begins. */
export function createSignals(): Signals {
  const kept = new Map<string, unknown[]>();
  const takers = new Map<string, SignalTaker[]>();
  return {
    deliver(name, value) {
      const taker = takers.get(name)?.shift();
      if (taker === undefined) listIn(kept, name).push(value);
      else taker.take(value);
    },
    takeKept(name) {
      const values = kept.get(name);
      return values === undefined || values.length === 0 ? undefined : { value: values.shift() };
    },
    await(name, taker) {
      listIn(takers, name).push(taker);
    },
    leave(name, taker) {
      const waiting = listIn(takers, name);
      const index = waiting.indexOf(taker);
      if (index >= 0) waiting.splice(index, 1);
    },
  };
}

function listIn<T>(lists: Map<string, T[]>, name: string): T[] {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}
