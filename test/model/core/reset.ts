/** Resets in the model over core: what the engine would read and copy is at hand. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { ResetReapply } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { beginReplay } from "../../../src/core/replay/replay.js";
import { replayEvent } from "../../../src/core/replay/replay-event.js";
import { noLaterEvents, noteLaterEvent } from "../../../src/core/reset/later-events.js";
import { findResetPoint } from "../../../src/core/reset/reset-point.js";
import { hasMovedOn, type ResetInput, resetWorkflow } from "../../../src/core/reset/reset-workflow.js";
import type { Workflow } from "../../../src/core/run-state.js";
import type { Context } from "../../../src/core/transition.js";
import { caller } from "../../core/scenario.js";
import { rule } from "../rule.js";
import { type CoreWorld, type ModelRun, replayWorld } from "./core-world.js";

/** Resets some run, open or closed, to the end of some task of its. */
export function reset(world: CoreWorld, a: number, b: number): void {
  const runs = [...world.runs.values()];
  const base = runs[a % runs.length];
  const ends = base?.history.filter(isTaskEnd) ?? [];
  const end = ends[b % ends.length];
  if (base === undefined || end === undefined) return;
  const reapply = [ResetReapply.UNSPECIFIED, ResetReapply.SIGNALS, ResetReapply.NOTHING][b % 3] ?? 0;
  const requestId = world.newName("reset");
  const rest = { runId: world.newName("run"), requestId, requestHash: "h", reapply };
  const input = { ...readReset(base, end, reapply), ...rest };
  const { workflowId } = base.state;
  const signals = signalsOf(base);
  const decide = (workflow: Workflow, context: Context) => {
    // A repeat is known, whatever the base has become.
    rule(workflow.pointer?.startRequestId === requestId || !hasMovedOn(workflow, input), "it was just read");
    return resetWorkflow(workflow, input, context);
  };
  const made = world.callAll(workflowId, decide);
  if (made === undefined) return;
  rule(made.runId === input.runId, "a reset makes the run that its history was copied for");
  const isKnown = () => world.lastStarts.get(workflowId) === requestId;
  world.made.push({
    workflowId,
    decide: (workflow, context) => resetWorkflow(workflow, input, context),
    isKnown,
  });
  const run = world.runs.get(made.runId);
  if (run === undefined || reapply === ResetReapply.NOTHING) return;
  rule(String(signalsOf(run)) === String(signals), "a reset keeps all signals, in their order");
}

function isTaskEnd({ kind }: HistoryEvent): boolean {
  switch (kind.case) {
    case "workflowTaskCompleted":
    case "workflowTaskFailed":
    case "workflowTaskTimedOut":
      return kind.value.startedEventId > 0;
    default:
      return false;
  }
}

/** The names of all signals that a run has received or taken over, recorded or not. */
function signalsOf({ history, state }: ModelRun): string[] {
  return [...history, ...state.buffered.map(({ event }) => event)].flatMap(({ kind }) =>
    kind.case === "signalReceived" ? [kind.value.name] : [],
  );
}

function readReset(
  { state: base, recorded }: ModelRun,
  { eventId }: HistoryEvent,
  reapply: ResetReapply,
): Omit<ResetInput, "runId" | "requestId" | "requestHash" | "reapply"> {
  const [event, next] = [recorded[eventId - 1]?.event, recorded[eventId]?.event];
  const startedEventId = findResetPoint({ eventId, event, next, historyLength: recorded.length });
  const replay = beginReplay(base, replayWorld);
  for (const one of recorded.slice(0, startedEventId)) replayEvent(replay, one);
  const later = noLaterEvents();
  for (const one of recorded.slice(startedEventId))
    noteLaterEvent(later, one, { point: replay.run, reapply });
  return {
    ...{ base, point: replay.run, scheduledEventId: replay.scheduledEventId, later },
    ...{ snapshot: undefined, signalHashes: new Map(), reason: "", caller },
    updateHash: replayWorld.updateHash,
  };
}
