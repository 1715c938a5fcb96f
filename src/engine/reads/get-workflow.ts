/** The record of one run, with what it waits for. */
import type { GetWorkflowRequest } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { describeWaiting } from "../../core/describe-waiting.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { findRun } from "./find-run.js";
import { readEnd } from "./get-result.js";
import { pendingActivity, pendingTimer, pendingWorkflowTask, workflowRecord } from "./workflow-record.js";

/** Gets the record of a run. */
export async function getWorkflow(parts: EngineParts, request: GetWorkflowRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const run = await findRun(parts, { namespaceId, workflowId: request.workflowId, runId: request.runId });
  const now = parts.clock.latest();
  const end = await readEnd(parts, run);
  const task = pendingWorkflowTask(run, now);
  return {
    workflow: { ...workflowRecord(run), ...(end === undefined ? {} : { nextRunId: end.nextRunId }) },
    ...(task === undefined ? {} : { pendingWorkflowTask: task }),
    pendingActivities: [...run.activities.values()]
      .sort((a, b) => a.seq - b.seq)
      .map((activity) => pendingActivity(activity, now)),
    pendingTimers: [...run.timers.values()].sort((a, b) => a.fireAt - b.fireAt).map(pendingTimer),
    waitingFor: describeWaiting(run),
    ...(end === undefined ? {} : { outcome: end.outcome }),
  };
}
