/** Finds the run that a read is about. Reads rest on a state loaded after the call arrived, never on the cache. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../../core/errors.js";
import { runDeleted } from "../../core/refusals.js";
import type { RunState, Workflow } from "../../core/run-state.js";
import { type LoadAsk, loadWorkflows } from "../../store/load.js";
import { requireRun } from "../commit/operation.js";
import type { EngineParts } from "../parts.js";

/** A workflow id, with or without a run id. */
export interface RunName {
  readonly namespaceId: string;
  readonly workflowId: string;
  /** Empty: the open run, else the latest. */
  readonly runId: string;
  /** Names of run keys that must be known. */
  readonly keys?: readonly string[];
}

/** Loads a run. Throws WORKFLOW_NOT_FOUND. */
export async function findRun(
  parts: EngineParts,
  { namespaceId, workflowId, runId, keys = [] }: RunName,
): Promise<RunState> {
  const wanted = runId === "" ? undefined : runId;
  const ask = { namespaceId, workflowId, keys, ...(wanted === undefined ? {} : { runId: wanted }) };
  return requireRun(await findWorkflow(parts, ask), wanted);
}

/** Loads a workflow id with its current run, or with another that is asked for. */
export async function findWorkflow(parts: EngineParts, ask: LoadAsk): Promise<Workflow> {
  const { namespaceId, workflowId } = ask;
  const sentAt = parts.clock.steadyNow();
  const { workflows, now } = await loadWorkflows(parts.database.read, [ask]);
  parts.clock.observe(sentAt, parts.clock.steadyNow(), now);
  const [workflow] = workflows;
  return workflow ?? { namespaceId, workflowId, pointer: undefined, run: undefined };
}

/** Loads a run that is known to have been there. Throws RUN_DELETED. */
export async function findKnownRun(parts: EngineParts, name: RunName): Promise<RunState> {
  try {
    return await findRun(parts, name);
  } catch (error) {
    const isGone = error instanceof RefusedError && error.reason === ErrorReason.WORKFLOW_NOT_FOUND;
    throw isGone ? runDeleted(name) : error;
  }
}
