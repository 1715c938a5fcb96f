/** Activities and workflows that stand in for real ones. */

import { ActivityFailure } from "../failures.js";
import type { ActivityContext } from "../worker/activity-context.js";
import type { ActivityImplementations } from "../workflow/activities.js";
import { type WorkflowDefinition, workflow } from "../workflow/workflow.js";
import { currentActor } from "./actors.js";

/** What stands in for workflows, by type: a function of the input whose result is that of the run, and whose error fails it. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of unknown functions can be named in no other way.
export type MockedWorkflows = Readonly<Record<string, (input: any) => unknown>>;

/**
 * An activity whose first attempts fail, and which then does as `then` does. Each activity that a workflow schedules counts for itself. The default error is
 * one that is tried again.
 */
export function failFirst<I, O>(
  times: number,
  then: (input: I, context: ActivityContext) => O | Promise<O>,
  error: Error = new Error("this attempt was made to fail"),
): (input: I, context: ActivityContext) => Promise<O> {
  return async (input, context) => {
    if (context.info.attempt <= times) throw error;
    return then(input, context);
  };
}

/** An activity that never ends by itself, as one whose worker hangs: its timeouts end it. Time passes meanwhile. */
export function hang(_input: unknown, { signal }: ActivityContext): Promise<never> {
  const actor = currentActor();
  if (actor !== undefined) actor.waits += 1;
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      if (actor !== undefined) actor.waits -= 1;
      reject(signal.reason);
    });
  });
}

/** The activity that does the work of a mocked workflow. */
const activityOf = (type: string) => `mock of ${type}`;

/** The workflows that stand in, and the activities that do their work, so that these need not do the same again. */
export function mockedCode(mocks: MockedWorkflows): {
  readonly workflows: readonly WorkflowDefinition[];
  readonly activities: ActivityImplementations;
} {
  const types = Object.keys(mocks);
  return {
    workflows: types.map((type) =>
      workflow(type, async (ctx, input) => {
        try {
          return await ctx.activity(activityOf(type), input, {
            startToCloseTimeout: "36500 days",
            retry: { maximumAttempts: 1 },
          });
        } catch (error) {
          throw error instanceof ActivityFailure ? error.cause : error;
        }
      }),
    ),
    activities: Object.fromEntries(
      types.map((type) => [activityOf(type), (input: unknown) => mocks[type]?.(input)]),
    ),
  };
}
