/** The attempts of a run's workflow task: made, given out, ended. */
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { Failure } from "../../gen/pawl/v1/failure_pb.js";
import type { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { appendEvent, type Draft, type EventKind, makeEvent, recordEvent } from "./draft.js";
import { flushBuffered } from "./outside.js";
import type { Micros, RunState, WorkflowTaskLease, WorkflowTaskState } from "./run-state.js";
import { addMs, durationOf } from "./time.js";
import type { Poller } from "./transition.js";

/** A workflow task that somebody has. */
export interface StartedTask extends WorkflowTaskState {
  readonly lease: WorkflowTaskLease;
}

/** What a new task takes over from the one before. */
export type CarriedOver = Partial<
  Pick<WorkflowTaskState, "lastFailure" | "lastFailureCause" | "heartbeatSince" | "refusedCloses">
>;

/** Makes a workflow task: a first attempt, in history, to be given out at once unless told otherwise. */
export function scheduleTask(
  draft: Draft,
  carried: CarriedOver = {},
  readyAt: Micros = draft.now,
): WorkflowTaskState {
  const scheduledEventId = appendEvent(draft, scheduledKind(draft.run, 1));
  const task: WorkflowTaskState = {
    scheduledEventId,
    scheduledAt: draft.now,
    attempt: 1,
    readyAt,
    readyPosition: undefined,
    lease: undefined,
    lastFailure: undefined,
    lastFailureCause: undefined,
    heartbeatSince: undefined,
    ...carried,
  };
  draft.run.workflowTask = task;
  draft.hasNews = false;
  return task;
}

/** Whether an attempt is kept out of history until it succeeds. */
export function isTransient(task: WorkflowTaskState): boolean {
  return task.attempt > 1;
}

/** Gives the pending workflow task to a poller. */
export function leaseTask(draft: Draft, task: WorkflowTaskState, poller: Poller): void {
  const { lease } = startTask(draft, task, poller);
  draft.handed.push({
    kind: "workflow",
    pollId: poller.pollId,
    runId: draft.run.runId,
    seq: 0,
    epoch: lease.epoch,
  });
}

/** Starts the pending workflow task for somebody who is told of it otherwise than by a poll. */
export function startTask(draft: Draft, task: WorkflowTaskState, poller: Poller): StartedTask {
  const { run, context } = draft;
  const startedEventId = isTransient(task) ? task.scheduledEventId + 1 : run.nextEventId;
  const started: StartedTask = {
    ...task,
    readyPosition: undefined,
    lease: {
      epoch: run.taskEpoch + 1,
      workerId: poller.workerId,
      identity: poller.identity,
      principal: poller.principal,
      pollId: poller.pollId,
      startedAt: draft.now,
      expiresAt: addMs(draft.now, run.settings.workflowTaskTimeoutMs),
      startedEventId,
      historyLength: startedEventId,
      historyBytes: run.historyBytes,
      suggestContinueAsNew:
        startedEventId >= context.limits.warnHistoryEvents ||
        run.historyBytes >= context.limits.warnHistoryBytes,
    },
  };
  if (!isTransient(task)) recordEvent(draft, startedEvent(started));
  run.taskEpoch = started.lease.epoch;
  run.workflowTask = started;
  if (run.status === WorkflowStatus.PENDING) run.status = WorkflowStatus.RUNNING;
  return started;
}

/** The Scheduled and Started of an attempt that is not in history yet, as its worker sees them behind the history; none for a normal attempt. */
export function provisionalEvents(run: RunState): HistoryEvent[] {
  const task = startedTask(run);
  if (task === undefined || !isTransient(task)) return [];
  const scheduled = makeEvent(task.scheduledEventId, task.scheduledAt, scheduledKind(run, task.attempt), {});
  return [scheduled, startedEvent(task)];
}

/** The workflow task, if somebody has it. */
export function startedTask(run: RunState): StartedTask | undefined {
  const task = run.workflowTask;
  return task?.lease === undefined ? undefined : { ...task, lease: task.lease };
}

/** How an attempt failed, and what is to follow. */
export interface FailedAttempt {
  /** The event that says so. */
  readonly kind: EventKind;
  readonly identity?: string;
  readonly principal?: string;
  /** The number of the next attempt. 1 makes a new task; else it stays out of history unless something new has come in. */
  readonly nextAttempt: number;
  readonly nextReadyAt: Micros;
  readonly lastFailure: Failure | undefined;
  readonly lastFailureCause: WorkflowTaskFailureCause | undefined;
  readonly heartbeatSince?: Micros | undefined;
  readonly refusedCloses?: number;
}

/** Ends the started attempt without success: buffered events get their ids, and the next attempt is made. */
export function endAttempt(draft: Draft, task: StartedTask, failed: FailedAttempt): void {
  const { kind, nextAttempt, nextReadyAt, identity = "", principal = "", ...carried } = failed;
  if (!isTransient(task)) appendEvent(draft, kind, { identity, principal });
  draft.run.workflowTask = undefined;
  forgetSticky(draft);
  flushBuffered(draft);
  if (draft.hasNews || nextAttempt === 1) {
    const { refusedCloses = 0 } = task;
    scheduleTask(draft, { ...(refusedCloses > 0 ? { refusedCloses } : {}), ...carried });
    return;
  }
  draft.run.workflowTask = {
    ...task,
    ...carried,
    scheduledEventId: draft.run.nextEventId,
    scheduledAt: draft.now,
    attempt: nextAttempt,
    readyAt: nextReadyAt,
    readyPosition: undefined,
    lease: undefined,
    appended: undefined,
  };
}

/** No worker is preferred any more. */
export function forgetSticky(draft: Draft): void {
  draft.run.stickyWorkerId = "";
  draft.run.stickyEventId = 0;
}

function scheduledKind(run: RunState, attempt: number): EventKind {
  return {
    case: "workflowTaskScheduled",
    value: {
      taskQueue: run.taskQueue,
      startToCloseTimeout: durationOf(run.settings.workflowTaskTimeoutMs),
      attempt,
    },
  };
}

function startedEvent({ scheduledEventId, lease }: StartedTask): HistoryEvent {
  const kind: EventKind = {
    case: "workflowTaskStarted",
    value: {
      scheduledEventId,
      workerId: lease.workerId,
      requestId: lease.pollId,
      historyLength: lease.historyLength,
      historyBytes: BigInt(lease.historyBytes),
      suggestContinueAsNew: lease.suggestContinueAsNew,
    },
  };
  return makeEvent(lease.startedEventId, lease.startedAt, kind, {
    identity: lease.identity,
    principal: lease.principal,
  });
}
