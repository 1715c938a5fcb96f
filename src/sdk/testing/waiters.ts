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

interface Looking {
  readonly place: string;
  /** Whether it had what it waited for. */
  look(): boolean;
  fail(error: unknown): void;
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
  const looking = new Map<string, Set<Looking>>();
  const byTest = new Set<{ readonly what: string }>();

  function remember(waiter: Looking): void {
    const at = looking.get(waiter.place) ?? new Set();
    looking.set(waiter.place, at.add(waiter));
  }

  function forget(waiter: Looking): void {
    const at = looking.get(waiter.place);
    at?.delete(waiter);
    if (at?.size === 0) looking.delete(waiter.place);
  }

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
        forget(waiter);
        signal?.removeEventListener("abort", abort);
        leave();
        settle();
      };
      const fail = (error: unknown) => end(() => reject(error));
      const abort = () => fail(signal?.reason);
      const waiter: Looking = {
        place,
        fail,
        look() {
          try {
            const found = look();
            if (found !== undefined) end(() => resolve(found));
            return found !== undefined;
          } catch (error) {
            fail(error);
            return true;
          }
        },
      };
      if (signal?.aborted === true) return abort();
      if (waiter.look()) return;
      if (failed.aborted) return fail(failed.reason);
      signal?.addEventListener("abort", abort);
      remember(waiter);
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
    lookAt(place) {
      const found = [...(looking.get(place) ?? [])].filter((waiter) => waiter.look());
      return found.length > 0;
    },
    failAll(error) {
      for (const waiter of [...looking.values()].flatMap((at) => [...at])) waiter.fail(error);
    },
  };
}
