/** Many small answers, sent in few calls. */
import { status } from "@grpc/grpc-js";
import { backOffMs } from "../connection.js";
import { isTransient, PawlError } from "../errors.js";
import { waitAbortably } from "../wait.js";

/** How a batcher works. */
export interface BatcherOptions<I, O> {
  /** The most items of a call. */
  readonly maxItems: number;
  /** The most calls at once. While that many are under way, items collect. */
  readonly maxInFlight: number;
  /** Sends items and gives an outcome for each, in order; one that is an error, or missing, fails its item alone. */
  send(items: readonly I[]): Promise<readonly (O | PawlError | undefined)[]>;
}

/** Sends items in batches. */
export interface Batcher<I, O> {
  /**
   * Sends an item with whatever else is ready, and again while the server can't be reached, for `retryForMs` from now. Rejects with the item's own error.
   */
  submit(item: I, retryForMs: number): Promise<O>;
}

interface Entry<I, O> {
  readonly item: I;
  /** By `performance.now()`. */
  readonly giveUpAt: number;
  failures: number;
  readonly resolve: (outcome: O) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes a batcher. A lone item waits for nothing but the end of the turn of the event loop. */
export function createBatcher<I, O>({ maxItems, maxInFlight, send }: BatcherOptions<I, O>): Batcher<I, O> {
  const waiting: Entry<I, O>[] = [];
  let inFlight = 0;
  let isScheduled = false;

  const schedule = () => {
    if (isScheduled || inFlight >= maxInFlight || waiting.length === 0) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      const entries = waiting.splice(0, maxItems);
      inFlight++;
      void sendEntries(entries).finally(() => {
        inFlight--;
        schedule();
      });
      schedule();
    });
  };

  const add = (entry: Entry<I, O>) => {
    waiting.push(entry);
    schedule();
  };

  const fail = (entry: Entry<I, O>, error: unknown) => {
    const pauseMs = backOffMs(++entry.failures);
    if (!mayBeRepeated(error) || performance.now() + pauseMs > entry.giveUpAt) entry.reject(error);
    else void waitAbortably(pauseMs).then(() => add(entry));
  };

  const settle = (entry: Entry<I, O>, outcome: O | PawlError | undefined) => {
    if (outcome === undefined)
      fail(entry, new Error("the server gave fewer outcomes than it was sent items"));
    else if (outcome instanceof PawlError) fail(entry, outcome);
    else entry.resolve(outcome);
  };

  const sendEntries = async (entries: readonly Entry<I, O>[]): Promise<void> => {
    try {
      const outcomes = await send(entries.map((entry) => entry.item));
      for (const [index, entry] of entries.entries()) settle(entry, outcomes[index]);
    } catch (error) {
      // A call that is refused as a whole is refused for one of its items: halves find it, so that its neighbours go through.
      if (entries.length === 1 || mayBeRepeated(error)) {
        for (const entry of entries) fail(entry, error);
        return;
      }
      const middle = Math.ceil(entries.length / 2);
      await sendEntries(entries.slice(0, middle));
      await sendEntries(entries.slice(middle));
    }
  };

  return {
    submit: (item, retryForMs) =>
      new Promise((resolve, reject) => {
        add({ item, giveUpAt: performance.now() + retryForMs, failures: 0, resolve, reject });
      }),
  };
}

/** Answers carry tokens, so a call whose outcome is not known may be repeated as well. */
function mayBeRepeated(error: unknown): boolean {
  return isTransient(error) || (error instanceof PawlError && error.code === status.DEADLINE_EXCEEDED);
}
