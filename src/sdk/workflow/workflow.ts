/** Workflows as values that workers run and clients start. */
import type { WorkflowContext } from "./context.js";

/** A workflow: its type and its code. */
export interface WorkflowDefinition<I = unknown, O = unknown> {
  /** The type, by which clients start it and workers find its code. */
  readonly type: string;
  /** The code. It is run again from the top whenever a worker has to catch up with history. */
  run(context: WorkflowContext, input: I): Promise<O>;
}

/**
 * Makes a workflow of a plain function. The name is recorded with every run, so it must not change while runs are open. The input and what the function
 * returns must hold JSON, or be bytes. An ApplicationFailure, or a failure of what was waited for, that escapes the function fails the run; any other error
 * is taken for a bug, which holds the run up until the code is put right. Throws a RangeError if the name is empty.
 */
export function workflow<I, O>(
  name: string,
  run: (context: WorkflowContext, input: I) => Promise<O>,
): WorkflowDefinition<I, O> {
  if (name === "") throw new RangeError("a workflow needs a name");
  return { type: name, run };
}

/** Whether a value is a workflow: by its shape, as it may be of another copy of the package. */
export function isWorkflow(value: unknown): value is WorkflowDefinition {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    typeof value.type === "string" &&
    "run" in value &&
    typeof value.run === "function"
  );
}
