/** Workflows as values that workers run and clients start. */
import type { WorkflowContext } from "./context.js";

/** A workflow: its type and its code. */
export interface WorkflowDefinition<I = unknown, O = unknown> {
  /** The type, by which clients start it and workers find its code. */
  readonly type: string;
  /** The code. It is run again from the top whenever a worker has to catch up with history. */
  run(context: WorkflowContext, input: I): Promise<O>;
}

/** Names a workflow function. The name is recorded with every run, so it must not change while runs are open. */
export function defineWorkflow<I, O>(
  type: string,
  run: (context: WorkflowContext, input: I) => Promise<O>,
): WorkflowDefinition<I, O> {
  if (type === "") throw new RangeError("a workflow needs a type");
  return { type, run };
}
