/** Signals: those that came and were not taken, those that are waited for, and those that have a handler. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";

/** Somebody who waits for a signal. */
export interface SignalTaker {
  take(value: unknown): void;
}

/** A signal that came and was not taken. */
interface KeptSignal {
  readonly value: unknown;
  readonly eventId: number;
}

/** The signals of a run, by name. */
export interface Signals {
  /** Gives a signal to its handler, else to whoever has waited longest, else keeps it. */
  deliver(name: string, signal: KeptSignal): void;
  /** The oldest kept signal of a name, with it taken away. */
  takeKept(name: string): { readonly value: unknown } | undefined;
  /** Waits behind those who wait already. Throws if the name has a handler. */
  await(name: string, taker: SignalTaker): void;
  /** Waits no more. */
  leave(name: string, taker: SignalTaker): void;
  /** Gives all signals of a name to a handler, and answers those that were kept. Throws if it has one. */
  handle(name: string, handler: SignalTaker): unknown[];
  /** The events of those that were kept, and of those that have yet to be delivered, in order. */
  untakenEventIds(arrived: readonly HistoryEvent[]): number[];
  /** Whether any name has a handler. */
  readonly isAnyHandled: boolean;
}

/** Makes the signals of a run that begins. */
export function createSignals(): Signals {
  const kept = new Map<string, KeptSignal[]>();
  const takers = new Map<string, SignalTaker[]>();
  const handlers = new Map<string, SignalTaker>();
  let deliveredThrough = 0;
  const refuseHandled = (name: string) => {
    if (handlers.has(name)) throw new Error(`all signals "${name}" go to the handler that is set for them`);
  };
  return {
    deliver(name, signal) {
      deliveredThrough = signal.eventId;
      const taker = handlers.get(name) ?? takers.get(name)?.shift();
      if (taker === undefined) listIn(kept, name).push(signal);
      else taker.take(signal.value);
    },
    takeKept: (name) => kept.get(name)?.shift(),
    await(name, taker) {
      refuseHandled(name);
      listIn(takers, name).push(taker);
    },
    leave(name, taker) {
      const waiting = listIn(takers, name);
      const index = waiting.indexOf(taker);
      if (index >= 0) waiting.splice(index, 1);
    },
    handle(name, handler) {
      refuseHandled(name);
      handlers.set(name, handler);
      return listIn(kept, name)
        .splice(0)
        .map(({ value }) => value);
    },
    untakenEventIds: (arrived) =>
      [...[...kept.values()].flat(), ...arrived.filter((event) => isLaterSignal(event, deliveredThrough))]
        .map(({ eventId }) => eventId)
        .sort((a, b) => a - b),
    get isAnyHandled() {
      return handlers.size > 0;
    },
  };
}

function isLaterSignal({ kind, eventId }: HistoryEvent, deliveredThrough: number): boolean {
  return kind.case === "signalReceived" && eventId > deliveredThrough;
}

function listIn<T>(lists: Map<string, T[]>, name: string): T[] {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}
