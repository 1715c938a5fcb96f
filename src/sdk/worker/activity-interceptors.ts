/** What others do around the activities of a worker, such as tracing. */
import type { ActivityImplementations } from "../workflow/activities.js";
import type { ActivityContext } from "./activity-context.js";

/** An attempt at an activity, on its way to its code. Interceptors may give another input or context. */
export interface ActivityExecution {
  readonly input: unknown;
  readonly context: ActivityContext;
}

/**
 * Does something around each attempt at an activity: `(execution, next) => next(execution)`. The first of a list is the outermost. What it throws is the outcome of the
 * attempt, as if the code had; the server's retries are attempts of their own and come through again.
 */
export type ActivityInterceptor = (
  execution: ActivityExecution,
  next: (execution: ActivityExecution) => Promise<unknown>,
) => Promise<unknown>;

/** Runs the code of an activity by way of all interceptors. */
export function runIntercepted(
  interceptors: readonly ActivityInterceptor[],
  handler: ActivityImplementations[string],
  execution: ActivityExecution,
): Promise<unknown> {
  const way = interceptors.reduceRight<(execution: ActivityExecution) => Promise<unknown>>(
    (next, interceptor) => async (execution) => interceptor(execution, next),
    async ({ input, context }) => handler(input as never, context),
  );
  return way(execution);
}
