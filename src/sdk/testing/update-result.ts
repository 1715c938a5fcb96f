/** How far an update has come. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { UpdateStage, type UpdateStateSchema } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { type RunState, runKeyId } from "../../core/run-state.js";
import { statusName } from "../../core/status.js";
import type { Waiters } from "./waiters.js";
import type { World } from "./world.js";

/** Which update is waited for, and how far. */
export interface UpdateAsk {
  readonly run: RunState;
  readonly updateId: string;
  readonly waitStage: UpdateStage;
  readonly signal?: AbortSignal | undefined;
}

type Update = MessageInitShape<typeof UpdateStateSchema>;

/** Waits until an update has come so far. Throws UPDATE_NOT_FOUND. */
export function readUpdate(
  { world, waiters }: { readonly world: World; readonly waiters: Waiters },
  { run, updateId, waitStage, signal }: UpdateAsk,
): Promise<Update> {
  const wanted = waitStage || UpdateStage.COMPLETED;
  return waiters.until({
    what: `the answer of workflow "${run.workflowId}" to an update`,
    place: run.workflowId,
    signal,
    look() {
      const state = stateOf(world, world.run(run.runId), updateId);
      return (state.stage ?? 0) >= wanted ? state : undefined;
    },
  });
}

function stateOf(world: World, run: RunState, updateId: string): Update {
  const base = { updateId, runId: run.runId };
  const pending = run.updates.get(updateId);
  const done = { ...base, stage: UpdateStage.COMPLETED };
  if (pending?.rejection !== undefined)
    return { ...done, outcome: { case: "failure", value: pending.rejection } };
  if (pending !== undefined) {
    const isAccepted = pending.acceptedEventId !== undefined;
    return { ...base, stage: isAccepted ? UpdateStage.ACCEPTED : UpdateStage.ADMITTED };
  }
  const key = run.keys.get(runKeyId("update", updateId));
  if (key === undefined) {
    const message = `workflow "${run.workflowId}" has no update "${updateId}": correct its id`;
    throw new RefusedError(ErrorReason.UPDATE_NOT_FOUND, message, { update_id: updateId });
  }
  const { kind } = world.history(run.runId)[key.eventId - 1] ?? {};
  if (kind?.case === "updateCompleted") return { ...done, outcome: kind.value.outcome };
  const message = `the run closed (${statusName(run.status)}) before it answered the update`;
  return { ...done, outcome: { case: "failure", value: { message, source: "server" } } };
}
