/** Signalling the open run of a workflow id; without one a run is started that begins with the signal. */
import { checkHeader, checkPayload } from "./payload.js";
import { isRepeatedRequest } from "./request-key.js";
import type { Workflow } from "./run-state.js";
import { recordSignal, type SignalInput, signalWorkflow } from "./signal.js";
import {
  checkStart,
  findRepeatedStart,
  openingOf,
  type StartInput,
  type StartOutcome,
  startBy,
} from "./start.js";
import { isClosedStatus } from "./status.js";
import { checkName } from "./text.js";
import type { Context, WorkflowTransition } from "./transition.js";
import { ofWorkflow } from "./workflow-transition.js";

/** Signals or starts. The signal takes effect exactly once, as one with the start. */
export function signalWithStart(
  workflow: Workflow,
  input: StartInput & { readonly signal: SignalInput },
  context: Context,
): WorkflowTransition<StartOutcome> {
  const { signal } = input;
  checkStart(input, context);
  checkName(signal.name, "signal_name");
  checkPayload(signal.payload, "signal_payload", context.limits);
  checkHeader(signal.header, "header", context.limits);
  const repeated = findRepeatedStart(workflow, input);
  if (repeated !== undefined) return ofNothing({ runId: repeated, isStarted: true });
  const { run } = workflow;
  if (run !== undefined) {
    const outcome = { runId: run.runId, isStarted: false };
    // The run that has the signal may have closed since: that starts no other.
    if (isRepeatedRequest(run, "signal", signal)) return ofNothing(outcome);
    if (!isClosedStatus(run.status))
      return { ...ofWorkflow(workflow, run, signalWorkflow(run, signal, context)), outcome };
  }
  const { beginning, ...opening } = openingOf(workflow, input, context);
  return startBy(
    workflow,
    { ...opening, beginning: { ...beginning, first: (draft) => recordSignal(draft, signal) } },
    context,
  );
}

function ofNothing(outcome: StartOutcome): WorkflowTransition<StartOutcome> {
  return { runs: [], pointer: undefined, handed: [], messages: [], outcome };
}
