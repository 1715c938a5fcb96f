/** The latest snapshot of a run. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { GetLatestSnapshotRequest } from "../../../gen/pawl/v1/worker_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { readSnapshot } from "../../store/snapshots.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { findKnownRun, findRun } from "./find-run.js";

/** Gets the latest snapshot. Throws SNAPSHOT_NOT_FOUND and RUN_DELETED. */
export async function getLatestSnapshot(parts: EngineParts, request: GetLatestSnapshotRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { workflowId } = request;
  const { runId } = await findRun(parts, { namespaceId, workflowId, runId: request.runId });
  const snapshot = await readSnapshot(parts.database.read, runId);
  if (snapshot !== undefined) return snapshot;
  await findKnownRun(parts, { namespaceId, workflowId, runId });
  const message = `run ${runId} of workflow "${workflowId}" has no snapshot: replay its history`;
  throw new RefusedError(ErrorReason.SNAPSHOT_NOT_FOUND, message, { run_id: runId });
}
