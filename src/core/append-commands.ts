/** Commands of a workflow task that are sent ahead of its completion, since all together would exceed a request. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { openDraft } from "./draft.js";
import { RefusedError } from "./errors.js";
import { invalidField } from "./refusals.js";
import type { RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import type { Context, RunTransition } from "./transition.js";
import { heldTask, type WorkflowTaskFence } from "./workflow-task.js";

/** What is sent. */
export interface AppendInput {
  readonly fence: WorkflowTaskFence;
  /** How many commands were sent before. */
  readonly offset: number;
  readonly count: number;
  readonly bytes: number;
}

/** What all commands of a task that are sent ahead may have together, in bytes. */
const maxAppendedBytes = 64 * 1024 * 1024;

/** Refuses commands that can't be appended to the task as it is: its lease is over, some before them are missing, or they are too many. */
export function checkAppend(state: RunState, { fence, offset, bytes }: AppendInput): void {
  const { appended } = heldTask(state, fence);
  if (offset > (appended?.count ?? 0))
    throw invalidField(
      "offset",
      `${offset} leaves a gap: the task has ${appended?.count ?? 0} commands so far`,
    );
  const total = (appended?.bytes ?? 0) + bytes;
  if (total <= maxAppendedBytes) return;
  const message = `the task would have commands of ${total} bytes; the limit is ${maxAppendedBytes}: do less in one task`;
  throw new RefusedError(ErrorReason.CALL_LIMIT, message, { limit: String(maxAppendedBytes) });
}

/** The commands count from now on. Answers how many the task has; sent again, nothing changes. */
export function appendCommands(state: RunState, input: AppendInput, context: Context): RunTransition<number> {
  checkAppend(state, input);
  const task = heldTask(state, input.fence);
  const known = task.appended ?? { count: 0, bytes: 0 };
  const count = input.offset + input.count;
  if (count <= known.count) return unchanged(state, known.count);
  const draft = openDraft(state, context);
  draft.run.workflowTask = { ...task, appended: { count, bytes: known.bytes + input.bytes } };
  return settle(draft, count);
}
