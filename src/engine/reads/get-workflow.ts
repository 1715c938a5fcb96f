/** The record of one run, with what it waits for. */
import { clearField, create, toBinary } from "@bufbuild/protobuf";
import { FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import { PayloadSchema, type UserMetadata } from "../../../gen/pawl/v1/payload_pb.js";
import { PendingActivitySchema, WorkflowSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type GetWorkflowRequest,
  type GetWorkflowResponse,
  GetWorkflowResponseSchema,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { RunState } from "../../core/run-state.js";
import { needsWorker, readWaiting } from "../../core/waiting.js";
import {
  pendingActivity,
  pendingChild,
  pendingTimer,
  pendingWorkflowTask,
  workflowRecord,
} from "../../core/workflow-record.js";
import type { Call } from "../engine.js";
import { estimateBytes } from "../estimate-bytes.js";
import type { EngineParts } from "../parts.js";
import { mostResponseBytes } from "../response-size.js";
import { findRun } from "./find-run.js";
import { readEnd } from "./get-result.js";

/** Gets the record of a run. */
export async function getWorkflow(parts: EngineParts, request: GetWorkflowRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const run = await findRun(parts, { namespaceId, workflowId: request.workflowId, runId: request.runId });
  const now = parts.clock.latest();
  const [end, userMetadata, isPolled] = await Promise.all([
    readEnd(parts, run),
    readUserMetadata(parts, run),
    needsWorker(run) ? parts.seenPolls.read(namespaceId) : () => true,
  ]);
  const task = pendingWorkflowTask(run, now);
  const response = create(GetWorkflowResponseSchema, {
    workflow: {
      ...workflowRecord(run),
      ...(end === undefined ? {} : { nextRunId: end.nextRunId }),
      ...(userMetadata === undefined ? {} : { userMetadata }),
    },
    ...(task === undefined ? {} : { pendingWorkflowTask: task }),
    pendingActivities: [...run.activities.values()]
      .sort((a, b) => a.seq - b.seq)
      .map((activity) => pendingActivity(activity, now)),
    pendingTimers: [...run.timers.values()].sort((a, b) => a.fireAt - b.fireAt).map(pendingTimer),
    pendingChildren: [...run.children.values()].sort((a, b) => a.seq - b.seq).map(pendingChild),
    waitingFor: readWaiting(run, { now, isPolled }).map(({ explanation }) => explanation),
    ...(end === undefined ? {} : { outcome: end.outcome }),
  });
  return shorten(response, mostResponseBytes(parts));
}

/** How long the text for people may be that is told. */
const maxTextBytes = 128 * 1024;

/** What the start said of the run for people, unless that is long. */
async function readUserMetadata(parts: EngineParts, run: RunState): Promise<UserMetadata | undefined> {
  const started = await parts.events.read(run, 1);
  const userMetadata = started?.userMetadata;
  return estimateBytes(userMetadata) > maxTextBytes ? undefined : userMetadata;
}

/**
 * Leaves out what a response has no room for: details and failures, of the last activities first, and then the text for people. Each of them is bounded;
 * so many at once are not. All else has room, by the limits of a run.
 */
function shorten(response: GetWorkflowResponse, maxBytes: number): GetWorkflowResponse {
  let excess = toBinary(GetWorkflowResponseSchema, response).length - maxBytes;
  for (const activity of response.pendingActivities.toReversed()) {
    if (excess <= 0) return response;
    const { heartbeatDetails, lastFailure } = activity;
    if (heartbeatDetails !== undefined) excess -= toBinary(PayloadSchema, heartbeatDetails).length;
    if (lastFailure !== undefined) excess -= toBinary(FailureSchema, lastFailure).length;
    clearField(activity, PendingActivitySchema.field.heartbeatDetails);
    clearField(activity, PendingActivitySchema.field.lastFailure);
  }
  if (excess > 0 && response.workflow !== undefined)
    clearField(response.workflow, WorkflowSchema.field.userMetadata);
  return response;
}
