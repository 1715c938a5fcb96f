/** Updates: requests to runs that want an answer. */
import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { UpdateRequestSchema } from "../../../gen/pawl/v1/task_pb.js";
import type {
  GetUpdateResultRequest,
  UpdateWorkflowRequest,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { runKeyId } from "../../core/run-state.js";
import { admitUpdate } from "../../core/update.js";
import { onRun } from "../commit/operation.js";
import { contentHashOf } from "../content-hash.js";
import type { Call } from "../engine.js";
import { estimateBytes } from "../estimate-bytes.js";
import type { EngineParts } from "../parts.js";
import { waitForUpdate } from "../reads/read-update.js";
import { msFromDuration } from "../time.js";

/** Sends an update, and waits until it has come as far as asked. */
export async function updateWorkflow(parts: EngineParts, request: UpdateWorkflowRequest, call: Call) {
  const { workflowId, name, input, header, identity, wait, waitStage: stage } = request;
  const updateId = request.updateId === "" ? randomUUID() : request.updateId;
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const update = create(UpdateRequestSchema, {
    updateId,
    name,
    ...(input === undefined ? {} : { input }),
    ...(header === undefined ? {} : { header }),
  });
  const contentHash = contentHashOf(UpdateRequestSchema, update);
  const { runId } = await parts.commit.submit(
    onRun({
      namespaceId,
      workflowId,
      runId: request.runId === "" ? undefined : request.runId,
      keys: request.updateId === "" ? [] : [runKeyId("update", updateId)],
      bytes: estimateBytes(update) + 500,
      decide(run, context) {
        const transition = admitUpdate(run, { request: { ...update, identity }, contentHash }, context);
        return { ...transition, outcome: { runId: run.runId } };
      },
    }),
  );
  const ask = { namespaceId, workflowId, runId, updateId, stage, waitMs: msFromDuration(wait) };
  return { update: await waitForUpdate(parts, { ...ask, isKnown: true }, call) };
}

/** Waits for the answer of an update. */
export async function getUpdateResult(parts: EngineParts, request: GetUpdateResultRequest, call: Call) {
  const { workflowId, runId, updateId, waitStage: stage, wait } = request;
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const ask = { namespaceId, workflowId, runId, updateId, stage, waitMs: msFromDuration(wait) };
  return { update: await waitForUpdate(parts, ask, call) };
}
