/** The record of one run, with what it waits for. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { UserMetadata } from "../../../gen/pawl/v1/payload_pb.js";
import type { PendingActivitySchema } from "../../../gen/pawl/v1/workflow_pb.js";
import type { GetWorkflowRequest } from "../../../gen/pawl/v1/workflow_service_pb.js";
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
  return {
    workflow: {
      ...workflowRecord(run),
      ...(end === undefined ? {} : { nextRunId: end.nextRunId }),
      ...(userMetadata === undefined ? {} : { userMetadata }),
    },
    ...(task === undefined ? {} : { pendingWorkflowTask: task }),
    pendingActivities: withinResponse(
      [...run.activities.values()].sort((a, b) => a.seq - b.seq).map((a) => pendingActivity(a, now)),
    ),
    pendingTimers: [...run.timers.values()].sort((a, b) => a.fireAt - b.fireAt).map(pendingTimer),
    pendingChildren: [...run.children.values()].sort((a, b) => a.seq - b.seq).map(pendingChild),
    waitingFor: readWaiting(run, { now, isPolled }).map(({ explanation }) => explanation),
    ...(end === undefined ? {} : { outcome: end.outcome }),
  };
}

/** What details and failures of activities may take of a response, in bytes; its outcome may take most of the rest. */
const maxDetailBytes = 512 * 1024;
/** What the text for people may take. */
const maxTextBytes = 128 * 1024;

/** What the start said of the run for people, unless that would make the response too large. */
async function readUserMetadata(parts: EngineParts, run: RunState): Promise<UserMetadata | undefined> {
  const started = await parts.events.read(run, 1);
  const userMetadata = started?.userMetadata;
  return estimateBytes(userMetadata) > maxTextBytes ? undefined : userMetadata;
}

/** Leaves out the details and failures that would make the response too large. Each is bounded; so many at once are not. */
function withinResponse(activities: MessageInitShape<typeof PendingActivitySchema>[]) {
  let room = maxDetailBytes;
  return activities.map((activity) => {
    const { heartbeatDetails, lastFailure, ...rest } = activity;
    room -= estimateBytes(heartbeatDetails) + estimateBytes(lastFailure);
    return room < 0 ? rest : activity;
  });
}
