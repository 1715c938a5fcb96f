/** The end of the run that is open when a reset makes another. */
import { terminateRun } from "../close-run.js";
import { openDraft, removeChild } from "../draft.js";
import type { ChildState, Message, Micros, RunState } from "../run-state.js";
import { settle } from "../settle.js";
import type { Context, RunStep } from "../transition.js";
import type { ResetInput } from "./reset-workflow.js";

/** The run that was open, with its last step. */
export interface ReplacedRun {
  readonly step: RunStep & { readonly before: RunState };
  readonly messages: readonly Message[];
  readonly now: Micros;
}

/**
 * Closes the run. Children that go on with the new run are spared. It is a run that was reset if it is of the same chain as the base, or the base
 * itself; if not, its parent hears of its end as of any other.
 */
export function closeReplaced(run: RunState, input: ResetInput, context: Context): ReplacedRun {
  const { base, point, runId: nextRunId, reason, caller } = input;
  const draft = openDraft(run, context);
  for (const child of run.children.values()) {
    if (isSameChild(point.children.get(child.seq), child)) removeChild(draft, child.seq);
  }
  const isReset = run.settings.firstRunId === base.settings.firstRunId;
  const why = reason === "" ? "reset" : `reset: ${reason}`;
  terminateRun(draft, { reason: why, nextRunId, isReset }, caller);
  const { after, events, messages } = settle(draft, undefined);
  return { step: { before: run, after, events }, messages, now: draft.now };
}

function isSameChild(child: ChildState | undefined, { startedBy }: ChildState): boolean {
  return (
    child?.startedBy.runId === startedBy.runId &&
    child.startedBy.initiatedEventId === startedBy.initiatedEventId
  );
}
