/** How far an update has come. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import { UpdateStage, type UpdateStateSchema } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { runDeleted } from "../../core/refusals.js";
import { type RunState, runKeyId } from "../../core/run-state.js";
import { isClosedStatus, statusName } from "../../core/status.js";
import { readRejection } from "../../store/updates.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { startWait, waitTimeOf } from "../wait.js";
import { findKnownRun, findRun, type RunName } from "./find-run.js";

/** Which update is waited for, and how far. */
export interface UpdateAsk extends RunName {
  readonly updateId: string;
  readonly stage: UpdateStage;
  readonly waitMs: number | undefined;
  /** Whether the run was there when the call came to it. */
  readonly isKnown?: boolean;
}

type Update = MessageInitShape<typeof UpdateStateSchema>;

/** Waits until an update has come so far, or the time is over; in the run that goes on, if the one that has it is reset. Throws UPDATE_NOT_FOUND. */
export async function waitForUpdate(parts: EngineParts, ask: UpdateAsk, call: Call): Promise<Update> {
  const { updateId, waitMs, isKnown, ...name } = ask;
  const wanted = ask.stage || UpdateStage.COMPLETED;
  const keys = [runKeyId("update", updateId)];
  let { runId } = await (isKnown === true ? findKnownRun : findRun)(parts, { ...name, keys });
  const waiter = startWait(waitTimeOf(call, waitMs, Date.now()), call.signal);
  let stopWatching = parts.watch.watch(runId, waiter.wake);
  try {
    for (let goesOn = true; ; goesOn = await waiter.next()) {
      // Loaded once it is watched, and once more when the wait is over: a change between is never missed.
      const run = await findKnownRun(parts, { ...name, runId, keys });
      const next = await findGoingOn(parts, run, updateId);
      if (next !== undefined) {
        stopWatching();
        stopWatching = parts.watch.watch(next, waiter.wake);
        runId = next;
        waiter.wake();
        continue;
      }
      const update = await readUpdate(parts, run, updateId);
      if (!goesOn || (update.stage ?? 0) >= wanted) return update;
    }
  } finally {
    stopWatching();
    waiter.close();
  }
}

/** The run to which a reset gave an update that its run had not answered. Undefined: there is none. */
async function findGoingOn(parts: EngineParts, run: RunState, updateId: string): Promise<string | undefined> {
  const key = run.keys.get(runKeyId("update", updateId));
  if (key === undefined || !isClosedStatus(run.status)) return undefined;
  const event = await parts.events.read(run, key.eventId);
  if (event?.kind.case !== "workflowTerminated" || !event.kind.value.isReset) return undefined;
  const { namespaceId, workflowId } = run;
  const keys = [runKeyId("update", updateId)];
  const next = await findKnownRun(parts, {
    namespaceId,
    workflowId,
    runId: event.kind.value.nextRunId,
    keys,
  });
  return next.updates.has(updateId) || keys.some((name) => next.keys.has(name)) ? next.runId : undefined;
}

async function readUpdate(parts: EngineParts, run: RunState, updateId: string): Promise<Update> {
  const base = { updateId, runId: run.runId };
  const pending = run.updates.get(updateId);
  if (pending !== undefined) {
    const isAdmitted = pending.acceptedEventId === undefined;
    return { ...base, stage: isAdmitted ? UpdateStage.ADMITTED : UpdateStage.ACCEPTED };
  }
  const key = run.keys.get(runKeyId("update", updateId));
  if (key === undefined) throw notFound(run, updateId);
  const event = await parts.events.read(run, key.eventId);
  if (event === undefined) throw runDeleted(run);
  const done = { ...base, stage: UpdateStage.COMPLETED };
  switch (event.kind.case) {
    case "updateCompleted":
      return { ...done, outcome: event.kind.value.outcome };
    case "workflowTaskCompleted": {
      const rejection = await readRejection(parts.database.read, run.runId, updateId);
      return { ...done, outcome: failed(rejection ?? { message: "the update was rejected" }) };
    }
    default: {
      const message = `the run closed (${statusName(run.status)}) before it answered the update`;
      return { ...done, outcome: failed({ message, source: "server" }) };
    }
  }
}

function failed(value: MessageInitShape<typeof FailureSchema>) {
  return { case: "failure" as const, value };
}

function notFound({ workflowId }: RunState, updateId: string): RefusedError {
  const message = `workflow "${workflowId}" has no update "${updateId}": correct its id`;
  return new RefusedError(ErrorReason.UPDATE_NOT_FOUND, message, { update_id: updateId });
}
