/**
 * Resetting runs. History is read in pages and copied within the database, ahead of the transition that begins the new run; what was copied goes again
 * if that does not come about.
 */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { UpdateRequestSchema } from "../../../gen/pawl/v1/task_pb.js";
import {
  type ResetWorkflowRequest,
  ResetWorkflowRequestSchema,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { runDeleted } from "../../core/refusals.js";
import {
  checkReset,
  resetWorkflow as decideReset,
  hasMovedOn,
  type ResetInput,
} from "../../core/reset/reset-workflow.js";
import type { Micros } from "../../core/run-state.js";
import { findRepeatedStart } from "../../core/start.js";
import { copyHistory, noteCopy, removeCopy } from "../../store/history-copies.js";
import { contentHashOf } from "../content-hash.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { findRun, findWorkflow } from "../reads/find-run.js";
import { makeLaterRunId } from "../run-id.js";
import { findPoint, type PointOfReset, readLater, replayTo } from "./read-reset.js";

/** Makes a new run from an event of an old one. */
export async function resetWorkflow(parts: EngineParts, request: ResetWorkflowRequest, call: Call) {
  const { workflowId, runId, requestId, identity, eventId, reapply, reason } = request;
  const requestHash = contentHashOf(ResetWorkflowRequestSchema, { ...request, requestId: "", identity: "" });
  const asked = { requestId, requestHash, reapply, reason, caller: { identity, principal: call.principal } };
  checkReset(asked);
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const repeated = findRepeatedStart(await findWorkflow(parts, { namespaceId, workflowId }), asked);
    if (repeated !== undefined) return { runId: repeated };
    const base = await findRun(parts, { namespaceId, workflowId, runId });
    const point = await replayTo(parts, base, await findPoint(parts, base, eventId), updateHash);
    const made = await withCopy(parts, point, (newRunId, begunAt) =>
      submit(parts, point, { ...asked, isNamed: runId !== "", runId: newRunId, updateHash }, begunAt),
    );
    if (made !== undefined) return made;
  }
  throw tooSlow(workflowId);
}

const updateHash: ResetInput["updateHash"] = (update) => contentHashOf(UpdateRequestSchema, update);

/** Copies the history up to the point for a new run; what was copied goes again if that run does not begin. */
async function withCopy<T>(
  { database, clock, fault }: EngineParts,
  { base, startedEventId }: PointOfReset,
  work: (runId: string, begunAt: Micros) => Promise<T>,
): Promise<T> {
  const { namespaceId, workflowId, runId: fromRunId } = base;
  const begunAt = clock.latest();
  const toRunId = makeLaterRunId({ namespaceId, workflowId, runId: fromRunId }, begunAt / 1_000);
  await noteCopy(database.read, toRunId, begunAt);
  try {
    const copy = { fromRunId, toRunId, throughEventId: startedEventId };
    if (!(await copyHistory(database.transaction, copy))) throw runDeleted(base);
    return await work(toRunId, begunAt);
  } finally {
    await removeCopy(database.transaction, toRunId).catch((error: unknown) =>
      fault("a copy of a history is left to the loop", error),
    );
  }
}

/** The base has gone on since it was read. */
class BaseMovedOn extends Error {}

/** Another run has taken the place of the base, which was not named: the call means that one. What was copied is of no use. */
class BaseReplaced extends Error {}

/** So often is an open run read on and the reset decided again, while events keep coming in; and so often another run taken that has its place. */
const mostAttempts = 50;
/** A copy must not be so old that a loop may take it for one that was left behind. */
const oldestCopy: Micros = 30 * 60 * 1_000_000;

type Asked = Pick<
  ResetInput,
  "requestId" | "requestHash" | "reapply" | "reason" | "caller" | "runId" | "updateHash"
> & {
  /** Whether the caller named the run. Else the current one is meant. */
  readonly isNamed: boolean;
};

/** Reads what lies behind the point and makes the run, until nothing came in between. Undefined: the base is not the run any more that is meant. */
async function submit(parts: EngineParts, point: PointOfReset, asked: Asked, begunAt: Micros) {
  const { clock, commit } = parts;
  const reader = readLater(parts, point, asked.reapply);
  let { base } = point;
  const { namespaceId, workflowId } = base;
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const input: ResetInput = {
      ...asked,
      base,
      point: point.replay.run,
      scheduledEventId: point.replay.scheduledEventId,
      ...(await reader.readOn(base)),
    };
    try {
      return await commit.submit({
        namespaceId,
        workflowId,
        bytes: input.later.bytes + 10_000,
        decide(workflow, context) {
          if (clock.latest() - begunAt > oldestCopy) throw tooSlow(workflowId);
          if (!asked.isNamed && workflow.run?.runId !== base.runId) throw new BaseReplaced();
          if (hasMovedOn(workflow, input)) throw new BaseMovedOn();
          return decideReset(workflow, input, context);
        },
      });
    } catch (error) {
      if (error instanceof BaseReplaced) return undefined;
      if (!(error instanceof BaseMovedOn)) throw error;
      base = await findRun(parts, { namespaceId, workflowId, runId: base.runId });
    }
  }
  throw tooSlow(workflowId);
}

function tooSlow(workflowId: string): RefusedError {
  const message = `workflow "${workflowId}" goes on faster than it can be reset; try again`;
  return new RefusedError(ErrorReason.SERVER_BUSY, message);
}
