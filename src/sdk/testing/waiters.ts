/** Who waits for the environment to go on: the test itself, activities, and what the test has planned. */
import { currentActor } from "./actors.js";

/** Those that wait. */
export interface Waiters {
  /** What the test itself waits for, in words: time may pass as long as it is not empty. */
  readonly byTest: readonly string[];
  /** Waits until there is something to see, which is looked for whenever its place is looked at. */
  until<T>(wait: Wait<T>): Promise<T>;
  /** Waits until a place is looked at. */
  untilLook(wait: Omit<Wait<unknown>, "look">): Promise<void>;
  /** Waits for a promise of the environment. */
  during<T>(what: string, promise: Promise<T>): Promise<T>;
  /** Lets those look who wait at a place. Whether one of them had what it waited for. */
  lookAt(place: string): boolean;
  /** Fails all that wait until something is so. */
  failAll(error: Error): void;
}

/** What is waited for. */
export interface Wait<T> {
  /** In words. */
  readonly what: string;
  /** Where it is to be seen, such as a workflow id. */
  readonly place: string;
  /** Ends the waiting, which then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  look(): T | undefined;
}

/** What waiters need. */
export interface WaiterParts {
  /** Aborted once nothing goes on any more: then nobody waits. */
  readonly failed: AbortSignal;
  /** Told of each that begins to wait. */
  began(): void;
}

/** Makes the waiters. */
export function createWaiters({ failed, began }: WaiterParts): Waiters {
  const looking = createPlaces();
  const byTest = new Set<{ readonly what: string }>();

  function enter(what: string): () => void {
    const actor = currentActor();
    const entry = { what };
    if (actor === undefined) byTest.add(entry);
    else actor.waits += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      byTest.delete(entry);
      if (actor !== undefined) actor.waits -= 1;
    };
  }

  function until<T>({ what, place, signal, look }: Wait<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = enter(what);
      const end = (settle: () => void) => {
        looking.remove(waiter);
        signal?.removeEventListener("abort", abort);
        leave();
        settle();
        return true;
      };
      const fail = (error: unknown) => end(() => reject(error));
      const abort = () => void fail(signal?.reason);
      const tryLook = () => {
        try {
          const found = look();
          return found !== undefined && end(() => resolve(found));
        } catch (error) {
          return fail(error);
        }
      };
      const waiter: Looking = { place, fail, look: tryLook };
      if (signal?.aborted === true) return abort();
      if (waiter.look()) return;
      if (failed.aborted) return void fail(failed.reason);
      signal?.addEventListener("abort", abort);
      looking.add(waiter);
      began();
    });
  }

  return {
    get byTest() {
      return [...byTest].map(({ what }) => what);
    },
    until,
    async untilLook(wait) {
      let isFirst = true;
      const look = () => {
        const isOver = !isFirst;
        isFirst = false;
        return isOver || undefined;
      };
      await until({ ...wait, look });
    },
    during(what, promise) {
      const leave = enter(what);
      began();
      return promise.finally(leave);
    },
    lookAt: (place) => looking.at(place).filter((waiter) => waiter.look()).length > 0,
    failAll(error) {
      for (const waiter of looking.all()) waiter.fail(error);
    },
  };
}

interface Looking {
  readonly place: string;
  /** Whether it had what it waited for. */
  look(): boolean;
  fail(error: unknown): void;
}

/** Those who look, by where. */
function createPlaces() {
  const places = new Map<string, Set<Looking>>();
  return {
    at: (place: string) => [...(places.get(place) ?? [])],
    all: () => [...places.values()].flatMap((place) => [...place]),
    add(waiter: Looking) {
      const place = places.get(waiter.place) ?? new Set();
      places.set(waiter.place, place.add(waiter));
    },
    remove(waiter: Looking) {
      const place = places.get(waiter.place);
      place?.delete(waiter);
      if (place?.size === 0) places.delete(waiter.place);
    },
  };
}
