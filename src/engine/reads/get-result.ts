/** Waiting for the outcome of a workflow. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { WorkflowOutcomeSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import type { GetWorkflowResultRequest } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { closingOutcome } from "../../core/closing-outcome.js";
import { runDeleted } from "../../core/refusals.js";
import type { RunState } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import type { NamespaceRow } from "../../store/namespaces.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { msFromDuration } from "../time.js";
import { startWait, type Waiter, waitTimeOf } from "../wait.js";
import { findKnownRun, findRun } from "./find-run.js";

/** What is waited for. */
export interface OutcomeAsk {
  readonly namespace: NamespaceRow;
  readonly workflowId: string;
  readonly runId: string;
  /** Whether runs that go on for the first one are waited for as well. */
  readonly followsChain: boolean;
  readonly waitMs: number | undefined;
}

type Outcome = MessageInitShape<typeof WorkflowOutcomeSchema>;

/** Waits for the outcome of a workflow, following retries, continue-as-new and resets. */
export async function getWorkflowResult(parts: EngineParts, request: GetWorkflowResultRequest, call: Call) {
  const namespace = await parts.namespaces.find(request.namespace);
  const { workflowId, runId, thisRunOnly, wait } = request;
  return waitForOutcome(
    parts,
    { namespace, workflowId, runId, followsChain: !thisRunOnly, waitMs: msFromDuration(wait) },
    call,
  );
}

/**
 * Waits for an outcome; answers without one when the time is over. A state that was committed, or loaded, after the call arrived may be given as
 * `known`, so that it need not be loaded again.
 */
export async function waitForOutcome(
  parts: EngineParts,
  ask: OutcomeAsk,
  call: Call,
  known?: RunState,
): Promise<{ runId: string; outcome?: Outcome }> {
  const { namespaceId } = ask.namespace;
  const { workflowId } = ask;
  const waiter = startWait(waitTimeOf(call, ask.waitMs, Date.now()), call.signal);
  let run = known ?? (await findRun(parts, { namespaceId, workflowId, runId: ask.runId }));
  try {
    for (;;) {
      const end = await waitForEnd(parts, run, waiter, run === known);
      if (end === undefined) return { runId: run.runId };
      if (!ask.followsChain || end.nextRunId === "") return { runId: run.runId, outcome: end.outcome };
      run = await findKnownRun(parts, { namespaceId, workflowId, runId: end.nextRunId });
    }
  } finally {
    waiter.close();
  }
}

/** Waits for the end of one run; undefined if the wait is over before. A state that is not of this very moment is loaded again once the run is watched. */
async function waitForEnd(parts: EngineParts, first: RunState, waiter: Waiter, isCurrent: boolean) {
  const { namespaceId, workflowId, runId } = first;
  let latest: RunState | undefined = isCurrent ? first : undefined;
  const stopWatching = parts.watch.watch(runId, ({ mayBeClosed, run }) => {
    if (!mayBeClosed) return;
    latest = run;
    waiter.wake();
  });
  try {
    for (let goesOn = true; ; goesOn = await waiter.next()) {
      const run = latest ?? (await findKnownRun(parts, { namespaceId, workflowId, runId }));
      const end = await readEnd(parts, run);
      if (end !== undefined || !goesOn) return end;
    }
  } finally {
    stopWatching();
  }
}

/** How a run ended, read from its closing event; undefined while it is open. */
export async function readEnd(
  parts: EngineParts,
  run: RunState,
): Promise<{ outcome: Outcome; nextRunId: string } | undefined> {
  if (!isClosedStatus(run.status)) return undefined;
  return closingOutcome(run, await readClosingEvent(parts, run));
}

/** The event that closed a run: always its last. Throws RUN_DELETED. */
export async function readClosingEvent(parts: EngineParts, run: RunState): Promise<HistoryEvent> {
  const event = await parts.events.read(run, run.nextEventId - 1);
  if (event === undefined) throw runDeleted(run);
  return event;
}
