/** Waiting for the outcome of a workflow. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { WorkflowOutcomeSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import type { GetWorkflowResultRequest } from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { RunState } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import { readEvents } from "../../store/history.js";
import type { NamespaceRow } from "../../store/namespaces.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { msFromDuration } from "../time.js";
import { startWait, waitTimeOf } from "../wait.js";
import { closingOutcome } from "./closing-outcome.js";
import { findRun } from "./find-run.js";

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

/** Waits for the outcome of a workflow, following retries and continue-as-new. */
export async function getWorkflowResult(parts: EngineParts, request: GetWorkflowResultRequest, call: Call) {
  const namespace = await parts.namespaces.find(request.namespace);
  const { workflowId, runId, thisRunOnly, wait } = request;
  return waitForOutcome(
    parts,
    { namespace, workflowId, runId, followsChain: !thisRunOnly, waitMs: msFromDuration(wait) },
    call,
  );
}

/** Waits for an outcome; answers without one when the time is over. */
export async function waitForOutcome(
  parts: EngineParts,
  ask: OutcomeAsk,
  call: Call,
): Promise<{ runId: string; outcome?: Outcome }> {
  const { namespaceId } = ask.namespace;
  let run = await findRun(parts, { namespaceId, workflowId: ask.workflowId, runId: ask.runId });
  const waiter = startWait(waitTimeOf(call, ask.waitMs, Date.now()), call.signal);
  let stopWatching = parts.watch.watch(run.runId, waiter.wake);
  try {
    for (let goesOn = true; ; goesOn = await waiter.next()) {
      run = await findRun(parts, { namespaceId, workflowId: ask.workflowId, runId: run.runId });
      const end = await readEnd(parts, run);
      const nextRunId = ask.followsChain ? end?.nextRunId : undefined;
      if (end !== undefined && !nextRunId) return { runId: run.runId, outcome: end.outcome };
      if (nextRunId) {
        stopWatching();
        run = { ...run, runId: nextRunId };
        stopWatching = parts.watch.watch(nextRunId, waiter.wake);
        waiter.wake();
      }
      if (!goesOn) return { runId: run.runId };
    }
  } finally {
    stopWatching();
    waiter.close();
  }
}

/** How a run ended, read from its closing event; undefined while it is open. */
export async function readEnd(
  parts: EngineParts,
  run: RunState,
): Promise<{ outcome: Outcome; nextRunId: string } | undefined> {
  if (!isClosedStatus(run.status)) return undefined;
  const event = await readClosingEvent(parts, run);
  return event === undefined ? undefined : closingOutcome(run, event);
}

/** The event that closed a run: always its last. */
export async function readClosingEvent(parts: EngineParts, run: RunState): Promise<HistoryEvent | undefined> {
  const eventId = run.nextEventId - 1;
  const [event] =
    parts.cache.events(run, eventId - 1, eventId) ??
    (await readEvents(parts.database.read, [{ runId: run.runId, eventId }]));
  return event;
}
