/** What an environment tells of its runs. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  GetHistoryRequest,
  GetWorkflowResponseSchema,
  WorkflowFilter,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { RunState } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import { readWaiting } from "../../core/waiting.js";
import {
  pendingActivity,
  pendingChild,
  pendingTimer,
  pendingWorkflowTask,
  workflowRecord,
} from "../../core/workflow-record.js";
import { isMeant } from "./run-filter.js";
import { endOf, type World } from "./world.js";

/** The record of a run, with what it waits for. */
export function describeWorkflow(
  { world, now }: { readonly world: World; now(): number },
  run: RunState,
): MessageInitShape<typeof GetWorkflowResponseSchema> {
  const view = { now: now(), isPolled: () => true };
  const task = pendingWorkflowTask(run, now());
  const end = isClosedStatus(run.status) ? endOf(world, run) : undefined;
  const userMetadata = world.history(run.runId)[0]?.userMetadata;
  return {
    workflow: {
      ...workflowRecord(run),
      ...(end && { nextRunId: end.nextRunId }),
      ...(userMetadata && { userMetadata }),
    },
    ...(task && { pendingWorkflowTask: task }),
    pendingActivities: [...run.activities.values()].map((activity) => pendingActivity(activity, now())),
    pendingTimers: [...run.timers.values()].sort((a, b) => a.fireAt - b.fireAt).map(pendingTimer),
    pendingChildren: [...run.children.values()].map(pendingChild),
    waitingFor: readWaiting(run, view).map(({ explanation }) => explanation),
    ...(end && { outcome: end.outcome }),
  };
}

/** The events of a run, all on one page, behind an event or the other way round. */
export function pageOf(world: World, request: GetHistoryRequest) {
  const { workflowId, afterEventId, isDescending, closingEventOnly } = request;
  const { runId, status } = world.find(workflowId, request.runId);
  const history = world.history(runId);
  if (closingEventOnly) return { runId, events: isClosedStatus(status) ? history.slice(-1) : [] };
  const events = history.filter(({ eventId }) => eventId > afterEventId);
  return { runId, events: isDescending ? events.reverse() : events };
}

/** The records of runs, the newest first. */
export function listed(world: World, filter: WorkflowFilter | undefined) {
  const found = [...world.all()].filter((run) => filter === undefined || isMeant(run, filter));
  return found.sort((a, b) => b.startedAt - a.startedAt).map(workflowRecord);
}
