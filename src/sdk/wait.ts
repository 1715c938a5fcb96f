/** Waiting that can be cut short. */

/** Resolves after the given time, or at once when the signal is aborted. */
export function waitAbortably(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/** Resolves when the work is over or the given time is, whichever comes first; says whether the work is. */
export async function isOverWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const over = new AbortController();
  const first = await Promise.race([work.then(() => true), waitAbortably(ms, over.signal).then(() => false)]);
  over.abort();
  return first;
}
