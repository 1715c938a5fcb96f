/** The state of a run before its first event. */
import { type WorkflowSpec, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type { RunState } from "./run-state.js";
import { readMs } from "./time.js";
import type { Context } from "./transition.js";

const defaultTaskQueue = "default";
const defaultPriority = 3;

/** A run that is about to start. */
export function newRun(
  namespaceId: string,
  runId: string,
  { namespace, workflowId, spec }: { namespace: string; workflowId: string; spec: WorkflowSpec },
  { now, limits }: Context,
): RunState {
  return {
    runId,
    namespaceId,
    workflowId,
    workflowType: spec.workflowType,
    taskQueue: spec.taskQueue || defaultTaskQueue,
    startedAt: now,
    settings: {
      namespace,
      priority: spec.priority || defaultPriority,
      workflowTaskTimeoutMs:
        readMs(spec.workflowTaskTimeout, "spec.workflow_task_timeout") ?? limits.workflowTaskTimeoutMs,
      firstRunId: runId,
      originalRunId: runId,
      attempt: 1,
    },
    version: 0,
    status: WorkflowStatus.PENDING,
    nextEventId: 1,
    historyBytes: 0,
    lastEventAt: now,
    closedAt: undefined,
    cancelRequestedEventId: undefined,
    lastSeq: 0,
    taskEpoch: 0,
    previousStartedEventId: 0,
    lastClosedTaskEpoch: 0,
    stickyWorkerId: "",
    stickyEventId: 0,
    workflowTask: undefined,
    activities: new Map(),
    timers: new Map(),
    buffered: [],
    keys: new Map(),
    hasAllKeys: true,
    wakeupAt: undefined,
  };
}
