/** Work that is tried until it succeeds or its policy ends it. */
import { TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
import { toMs } from "../duration.js";
import { ApplicationFailure, TimeoutFailure } from "../failures.js";
import { isOverWithin, waitAbortably } from "../wait.js";
import type { LocalOptions, LocalStepContext } from "../workflow/local.js";
import type { RetryOptions } from "../workflow/options.js";

/** How the work ended, after how many attempts and how long. */
export interface Ended {
  readonly outcome: { readonly value: unknown } | { readonly error: unknown };
  readonly attempts: number;
  readonly tookMs: number;
}

const defaultTimeoutMs = 10_000;
const defaults = { initialInterval: 100, backoffCoefficient: 2, maximumAttempts: 3, jitter: 0.1 } as const;

/** Tries the work. Never rejects. */
export async function tryWork(
  work: (step: LocalStepContext) => unknown,
  { timeout = defaultTimeoutMs, retry = {} }: LocalOptions,
  abort: AbortController,
): Promise<Ended> {
  const begunAt = performance.now();
  const timeoutMs = toMs(timeout);
  const { signal } = abort;
  let attempts = 0;
  const tryAll = async (): Promise<Ended["outcome"]> => {
    for (;;) {
      attempts++;
      try {
        return { value: await work({ attempt: attempts, signal }) };
      } catch (error) {
        const pauseMs = pauseAfter(error, attempts, retry);
        if (pauseMs === undefined || signal.aborted) return { error };
        await waitAbortably(pauseMs, signal);
        if (signal.aborted) return { error };
      }
    }
  };
  const trying = tryAll();
  const isOver = await isOverWithin(trying, timeoutMs);
  const late = new TimeoutFailure(`it took longer than ${timeoutMs} ms`, TimeoutKind.SCHEDULE_TO_CLOSE);
  if (!isOver) abort.abort(late);
  const outcome = isOver ? await trying : { error: late };
  return { outcome, attempts, tookMs: performance.now() - begunAt };
}

/** How long to wait before the next attempt; undefined if there is none. */
function pauseAfter(error: unknown, attempts: number, retry: RetryOptions): number | undefined {
  const policy = { ...defaults, ...retry };
  if (policy.maximumAttempts > 0 && attempts >= policy.maximumAttempts) return undefined;
  const type =
    error instanceof ApplicationFailure ? error.type : error instanceof Error ? error.name : "Error";
  if (retry.nonRetryableTypes?.includes(type)) return undefined;
  if (error instanceof ApplicationFailure) {
    if (error.isNonRetryable) return undefined;
    if (error.nextRetryDelay !== undefined) return toMs(error.nextRetryDelay);
  }
  const firstMs = toMs(policy.initialInterval);
  const longestMs = retry.maximumInterval === undefined ? firstMs * 100 : toMs(retry.maximumInterval);
  const pauseMs = Math.min(longestMs, firstMs * policy.backoffCoefficient ** (attempts - 1));
  return pauseMs * (1 - policy.jitter * Math.random());
}
