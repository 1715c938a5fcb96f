/** A run's change within its workflow id. */
import type { RunState, Workflow } from "./run-state.js";
import type { RunTransition, WorkflowTransition } from "./transition.js";

/** The change of a run as one of its workflow id: the pointer moves on to the run that begins in its place. */
export function ofWorkflow<T>(
  { pointer }: Workflow,
  before: RunState,
  { after, events, handed, messages, next, outcome }: RunTransition<T>,
): WorkflowTransition<T> {
  const runs = after === before ? [] : [{ before, after, events }];
  if (next === undefined) return { runs, pointer: undefined, handed, messages, outcome };
  return {
    runs: [...runs, { before: undefined, after: next.after, events: next.events }],
    pointer: { startRequestId: "", requestHash: "", ...pointer, runId: next.after.runId },
    handed: [...handed, ...next.handed],
    messages: [...messages, ...next.messages],
    outcome,
  };
}
