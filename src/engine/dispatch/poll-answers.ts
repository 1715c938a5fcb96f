/**
 * Answers to polls by their request id. A poll that is sent again, since its answer was lost, joins the one that is still under way, or gets the same answer
 * once more; so what was handed out is not lost until its lease expires.
 */

/** An answer, and how to make it again. */
export interface PollAnswer<T> {
  readonly answer: T;
  /** Makes the same answer again; undefined if it is empty and need not be kept. */
  readonly repeat: (() => Promise<T>) | undefined;
}

/** Keeps answers. */
export interface PollAnswers<T> {
  /**
   * The answer to a poll. The work is given a signal of its own, which is aborted when all who asked have gone; whoever has gone gets `empty`.
   *
   * @param key names the poll among all; undefined if it can't be repeated
   */
  ask(
    key: string | undefined,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<PollAnswer<T>>,
  ): Promise<T>;
  /** Resolves when no poll is under way. */
  whenIdle(): Promise<void>;
}

/** How answers are kept. */
export interface PollAnswersOptions<T> {
  readonly empty: T;
  /** A clock in milliseconds. */
  nowMs(): number;
}

const keptMs = 30_000;
/** Beyond so many the oldest go before their time. */
const maxKept = 20_000;

interface UnderWay<T> {
  readonly controller: AbortController;
  readonly answer: Promise<PollAnswer<T>>;
  callers: number;
}

/** Opens a keeper without answers. */
export function openPollAnswers<T>({ empty, nowMs }: PollAnswersOptions<T>): PollAnswers<T> {
  const byKey = new Map<string, UnderWay<T>>();
  const all = new Set<Promise<unknown>>();
  /** The oldest comes first. */
  const kept = new Map<string, { readonly repeat: () => Promise<T>; readonly until: number }>();

  function forgetOld(): void {
    for (const [key, { until }] of kept) {
      if (until > nowMs() && kept.size <= maxKept) return;
      kept.delete(key);
    }
  }

  function begin(
    key: string | undefined,
    work: (signal: AbortSignal) => Promise<PollAnswer<T>>,
  ): UnderWay<T> {
    const controller = new AbortController();
    const answer = work(controller.signal);
    const poll: UnderWay<T> = { controller, answer, callers: 0 };
    const over = answer.then(
      ({ repeat }) => {
        forget(key, poll);
        if (key === undefined || repeat === undefined || controller.signal.aborted) return;
        kept.set(key, { repeat, until: nowMs() + keptMs });
        forgetOld();
      },
      () => forget(key, poll),
    );
    const tracked = over.finally(() => all.delete(tracked));
    all.add(tracked);
    if (key !== undefined) byKey.set(key, poll);
    return poll;
  }

  function forget(key: string | undefined, poll: UnderWay<T>): void {
    if (key !== undefined && byKey.get(key) === poll) byKey.delete(key);
  }

  return {
    async ask(key, signal, work) {
      if (signal.aborted) return empty;
      forgetOld();
      const old = key === undefined ? undefined : kept.get(key);
      if (old !== undefined) return old.repeat();
      const poll = (key === undefined ? undefined : byKey.get(key)) ?? begin(key, work);
      poll.callers++;
      const leave = () => {
        poll.callers--;
        if (poll.callers > 0) return;
        forget(key, poll);
        poll.controller.abort(nobodyWaits);
      };
      return new Promise((resolve, reject) => {
        const abort = () => {
          leave();
          resolve(empty);
        };
        signal.addEventListener("abort", abort, { once: true });
        poll.answer
          .then(({ answer }) => resolve(answer), reject)
          .finally(() => signal.removeEventListener("abort", abort));
      });
    },
    async whenIdle() {
      while (all.size > 0) await Promise.all(all);
    },
  };
}

/** One reason for all: making a DOMException for each poll is dear. */
const nobodyWaits = new Error("nobody waits for this poll any more");
