/** The record of a run as messages. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type PendingActivitySchema,
  type PendingChildSchema,
  PendingTaskState,
  type PendingTimerSchema,
  type PendingWorkflowTaskSchema,
  type WorkflowSchema,
} from "../../gen/pawl/v1/workflow_pb.js";
import type {
  ActivityState,
  ChildState,
  Lease,
  Micros,
  ParentRef,
  RunAddress,
  RunState,
  TimerState,
} from "./run-state.js";
import { timestampOf } from "./time.js";

/** What of a run its record tells. */
export type RecordedRun = Pick<
  RunState,
  | "workflowId"
  | "runId"
  | "workflowType"
  | "taskQueue"
  | "status"
  | "startedAt"
  | "closedAt"
  | "settings"
  | "nextEventId"
  | "historyBytes"
  | "cancelRequestedEventId"
  | "attributes"
>;

/** The record of a run. */
export function workflowRecord(run: RecordedRun): MessageInitShape<typeof WorkflowSchema> {
  const { settings } = run;
  return {
    namespace: settings.namespace,
    workflowId: run.workflowId,
    runId: run.runId,
    workflowType: run.workflowType,
    taskQueue: run.taskQueue,
    status: run.status,
    startTime: timestampOf(run.startedAt),
    ...(run.closedAt === undefined ? {} : { closeTime: timestampOf(run.closedAt) }),
    executionTime: timestampOf(settings.firstTaskAt ?? run.startedAt),
    historyLength: run.nextEventId - 1,
    historyBytes: BigInt(run.historyBytes),
    isCancelRequested: run.cancelRequestedEventId !== undefined,
    priority: settings.priority,
    firstRunId: settings.firstRunId,
    attempt: settings.attempt,
    previousRunId: settings.previousRunId ?? "",
    resetFromRunId: settings.resetFromRunId ?? "",
    searchAttributes: { ...run.attributes?.searchAttributes },
    memo: { ...run.attributes?.memo },
    ...(settings.parent === undefined
      ? {}
      : { parent: parentOf(settings.parent), root: settings.parent.root }),
  };
}

function parentOf({ namespace, workflowId, runId, ownerRunId }: ParentRef): RunAddress {
  return { namespace, workflowId, runId: ownerRunId ?? runId };
}

/** A pending child of a run. */
export function pendingChild(child: ChildState): MessageInitShape<typeof PendingChildSchema> {
  const { seq, workflowId, runId, workflowType, initiatedEventId, parentClosePolicy } = child;
  const startedEventId = child.startedEventId ?? 0;
  return { seq, workflowId, runId, workflowType, initiatedEventId, startedEventId, parentClosePolicy };
}

/** The pending workflow task of a run. */
export function pendingWorkflowTask(
  run: RunState,
  now: Micros,
): MessageInitShape<typeof PendingWorkflowTaskSchema> | undefined {
  const task = run.workflowTask;
  if (task === undefined) return undefined;
  const { lease, readyAt, lastFailure, lastFailureCause } = task;
  return {
    state: stateOf(lease, readyAt, now),
    scheduleTime: timestampOf(task.scheduledAt),
    ...(lease === undefined ? {} : { startTime: timestampOf(lease.startedAt), identity: lease.identity }),
    ...nextTime(lease, readyAt, now),
    attempt: task.attempt,
    ...(lastFailure === undefined ? {} : { lastFailure }),
    ...(lastFailureCause === undefined ? {} : { lastFailureCause }),
  };
}

/** A pending activity of a run. */
export function pendingActivity(
  activity: ActivityState,
  now: Micros,
): MessageInitShape<typeof PendingActivitySchema> {
  const { lease, readyAt, expiresAt, lastFailure, heartbeat } = activity;
  const isCancelling = lease !== undefined && activity.cancelRequestedEventId !== undefined;
  return {
    seq: activity.seq,
    activityId: activity.activityId,
    activityType: activity.activityType,
    taskQueue: activity.taskQueue,
    state: isCancelling ? PendingTaskState.CANCEL_REQUESTED : stateOf(lease, readyAt, now),
    scheduledEventId: activity.scheduledEventId,
    attempt: activity.attempt,
    maximumAttempts: activity.retry.maximumAttempts,
    scheduleTime: timestampOf(activity.scheduledAt),
    ...(lease === undefined ? {} : { lastStartTime: timestampOf(lease.startedAt), identity: lease.identity }),
    ...(heartbeat === undefined ? {} : { lastHeartbeatTime: timestampOf(heartbeat.at) }),
    ...(heartbeat?.details === undefined ? {} : { heartbeatDetails: heartbeat.details }),
    ...(lease === undefined && readyAt > now ? { nextAttemptTime: timestampOf(readyAt) } : {}),
    ...(expiresAt === undefined ? {} : { expirationTime: timestampOf(expiresAt) }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
  };
}

/** A pending timer of a run. */
export function pendingTimer(timer: TimerState): MessageInitShape<typeof PendingTimerSchema> {
  return {
    seq: timer.seq,
    scheduledEventId: timer.scheduledEventId,
    fireTime: timestampOf(timer.fireAt),
  };
}

function stateOf(lease: Lease | undefined, readyAt: Micros, now: Micros): PendingTaskState {
  if (lease !== undefined) return PendingTaskState.STARTED;
  return readyAt > now ? PendingTaskState.BACKING_OFF : PendingTaskState.SCHEDULED;
}

function nextTime(lease: Lease | undefined, readyAt: Micros, now: Micros) {
  if (lease !== undefined) return { nextTime: timestampOf(lease.expiresAt) };
  return readyAt > now ? { nextTime: timestampOf(readyAt) } : {};
}
