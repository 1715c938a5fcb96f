import { toBinary } from "@bufbuild/protobuf";
import { type HistoryEvent, HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import { ResetReapply } from "../../gen/pawl/v1/workflow_service_pb.js";
import { beginReplay, type ReplayWorld } from "../../src/core/replay/replay.js";
import { replayEvent } from "../../src/core/replay/replay-event.js";
import { noLaterEvents, noteLaterEvent } from "../../src/core/reset/later-events.js";
import { type ResetInput, resetWorkflow } from "../../src/core/reset/reset-workflow.js";
import type { RunState } from "../../src/core/run-state.js";
import { caller } from "./scenario.js";
import type { World } from "./world.js";

/** What history does not tell. */
export const replayWorld: ReplayWorld = {
  namespaceId: (name) => (name === "main" ? "ns" : undefined),
  updateHash: () => "h",
};

/** Goes through events as core does. */
export function replayAll(run: RunState, events: readonly HistoryEvent[]) {
  const replay = beginReplay(run, replayWorld);
  for (const event of events) replayEvent(replay, recorded(event));
  return replay;
}

function recorded(event: HistoryEvent) {
  return { event, bytes: toBinary(HistoryEventSchema, event) };
}

/** What a reset of a run to the n-th start of a workflow task would be asked and have read. */
export function resetInput(
  base: RunState,
  history: readonly HistoryEvent[],
  { n = 1, reapply = ResetReapply.UNSPECIFIED, ...rest }: Partial<ResetInput> & { n?: number } = {},
): ResetInput {
  const started = history.filter(({ kind }) => kind.case === "workflowTaskStarted")[n - 1];
  if (started === undefined) throw new Error("there is no such task");
  const replay = replayAll(base, history.slice(0, started.eventId));
  const later = noLaterEvents();
  for (const event of history.slice(started.eventId))
    noteLaterEvent(later, recorded(event), { point: replay.run, reapply });
  return {
    ...{ base, point: replay.run, scheduledEventId: replay.scheduledEventId, later, reapply, caller },
    ...{ snapshot: undefined, signalHashes: new Map(), runId: "reset", reason: "", updateHash: () => "h" },
    ...{ requestId: "", requestHash: "" },
    ...rest,
  };
}

/** Resets a run of a workflow id, the current one unless told otherwise, to the n-th start of a task. */
export function reset(
  world: World,
  workflowId: string,
  { base = world.run(workflowId), ...rest }: Partial<ResetInput> & { n?: number } = {},
): string {
  const input = resetInput(base, world.history(base.runId), rest);
  return world.applyAll(workflowId, (workflow, context) => resetWorkflow(workflow, input, context)).runId;
}
