/** A second, simple reading of history: what it says is pending, and whether it keeps the rules of the run model. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";

/** What a history says. */
export interface Folded {
  nextEventId: number;
  status: WorkflowStatus;
  lastSeq: number;
  previousStartedEventId: number;
  cancelRequestedEventId: number | undefined;
  /** The workflow task that is stored. */
  task: { scheduled: number; started: number } | undefined;
  /** Scheduled event ids by seq. */
  readonly activities: Map<number, number>;
  readonly timers: Map<number, number>;
  /** Names of the signals, in order. */
  readonly signals: string[];
  /** The newest event that workflow code has to see. */
  lastNews: number;
}

interface Reading extends Folded {
  readonly fireTimes: Map<number, number>;
  /** Activity starts by their event id: the Scheduled they belong to. */
  readonly starts: Map<number, number>;
  readonly cancelRequests: Map<number, number>;
  lastTime: number;
  lastCompleted: number;
  /** Whether only events of commands came since the last Completed. */
  isAmongCommands: boolean;
}

const closing: Partial<Record<NonNullable<HistoryEvent["kind"]["case"]>, WorkflowStatus>> = {
  workflowCompleted: WorkflowStatus.COMPLETED,
  workflowFailed: WorkflowStatus.FAILED,
  workflowCancelled: WorkflowStatus.CANCELLED,
  workflowTerminated: WorkflowStatus.TERMINATED,
  workflowTimedOut: WorkflowStatus.TIMED_OUT,
};

/** Begins to read a history. */
export function newFold(): Folded {
  return newReading();
}

/** Reads on. Throws where the history breaks a rule. */
export function foldMore(folded: Folded, history: readonly HistoryEvent[]): void {
  const read = folded as Reading;
  for (const event of history.slice(read.nextEventId - 1)) readEvent(read, event);
}

function newReading(): Reading {
  return {
    nextEventId: 1,
    status: WorkflowStatus.PENDING,
    lastSeq: 0,
    previousStartedEventId: 0,
    cancelRequestedEventId: undefined,
    task: undefined,
    activities: new Map(),
    timers: new Map(),
    signals: [],
    lastNews: 0,
    fireTimes: new Map(),
    starts: new Map(),
    cancelRequests: new Map(),
    lastTime: 0,
    lastCompleted: 0,
    isAmongCommands: false,
  };
}

function readEvent(read: Reading, event: HistoryEvent): void {
  const { eventId, kind } = event;
  rule(eventId === read.nextEventId, `event id ${eventId} where ${read.nextEventId} is next`);
  rule(read.status <= WorkflowStatus.RUNNING, `event ${eventId} behind the end`);
  const time = event.eventTime === undefined ? 0 : timestampMs(event.eventTime);
  rule(time >= read.lastTime, `event ${eventId} goes back in time`);
  read.lastTime = time;
  read.nextEventId = eventId + 1;
  const isTaskEnd = ["workflowTaskCompleted", "workflowTaskFailed", "workflowTaskTimedOut"].includes(
    kind.case ?? "",
  );
  if (read.task !== undefined && read.task.started > 0)
    rule(isTaskEnd, `${kind.case} while a workflow task is started`);
  readCommand(read, event);
  readKind(read, event, time);
  const status = kind.case && closing[kind.case];
  if (status !== undefined) read.status = status;
}

function readCommand(read: Reading, { eventId, kind }: HistoryEvent): void {
  if (kind.case === "workflowTaskCompleted") {
    read.lastCompleted = eventId;
    read.isAmongCommands = true;
    return;
  }
  const value: object = kind.value ?? {};
  const completed = "taskCompletedEventId" in value ? value.taskCompletedEventId : 0;
  if (completed !== 0) {
    rule(
      completed === read.lastCompleted && read.isAmongCommands,
      `event ${eventId} is not behind its Completed`,
    );
    if ("seq" in value && kind.case !== "activityCancelRequested" && kind.case !== "timerCancelled") {
      rule(Number(value.seq) > read.lastSeq, `seq ${value.seq} of event ${eventId} is not new`);
      read.lastSeq = Number(value.seq);
    }
  } else if (kind.case !== "activityCancelled") {
    read.isAmongCommands = false;
  }
}

function readKind(read: Reading, { eventId, kind }: HistoryEvent, time: number): void {
  switch (kind.case) {
    case "workflowStarted":
      rule(eventId === 1, "the start is not event 1");
      return;
    case "workflowTaskScheduled":
      rule(read.task === undefined, `a second workflow task at ${eventId}`);
      read.task = { scheduled: eventId, started: 0 };
      return;
    case "workflowTaskStarted":
      rule(read.task?.scheduled === kind.value.scheduledEventId, `event ${eventId} starts another task`);
      rule(kind.value.historyLength === eventId, `the history length at ${eventId} is wrong`);
      read.task = { scheduled: kind.value.scheduledEventId, started: eventId };
      read.status = WorkflowStatus.RUNNING;
      return;
    case "workflowTaskCompleted":
    case "workflowTaskFailed":
    case "workflowTaskTimedOut":
      rule(read.task?.started === kind.value.startedEventId, `event ${eventId} ends another task`);
      if (kind.case === "workflowTaskCompleted") read.previousStartedEventId = kind.value.startedEventId;
      read.task = undefined;
      return;
    case "signalReceived":
      read.signals.push(kind.value.name);
      read.lastNews = eventId;
      return;
    case "workflowCancelRequested":
      rule(read.cancelRequestedEventId === undefined, "a second cancel request");
      read.cancelRequestedEventId = eventId;
      read.lastNews = eventId;
      return;
    default:
      readPending(read, { eventId, kind }, time);
  }
}

function readPending(
  read: Reading,
  { eventId, kind }: Pick<HistoryEvent, "eventId" | "kind">,
  time: number,
): void {
  switch (kind.case) {
    case "activityScheduled":
      read.activities.set(kind.value.seq, eventId);
      return;
    case "activityStarted":
      read.starts.set(eventId, kind.value.scheduledEventId);
      return;
    case "activityCancelRequested":
      rule(
        read.activities.get(kind.value.seq) === kind.value.scheduledEventId,
        `event ${eventId}: no such activity`,
      );
      checkCause(read, eventId, kind.value);
      read.cancelRequests.set(eventId, kind.value.seq);
      return;
    case "activityCompleted":
    case "activityFailed":
    case "activityTimedOut":
    case "activityCancelled": {
      const { seq, scheduledEventId, startedEventId } = kind.value;
      rule(
        read.activities.get(seq) === scheduledEventId,
        `event ${eventId} ends an activity that is not pending`,
      );
      if (kind.case === "activityCompleted" || kind.case === "activityFailed" || startedEventId > 0) {
        rule(
          read.starts.get(startedEventId) === scheduledEventId,
          `event ${eventId} refers to another start`,
        );
      }
      if (kind.case === "activityCancelled") {
        const requested = read.cancelRequests.get(kind.value.cancelRequestedEventId);
        rule(requested === seq, `event ${eventId} refers to no cancel request`);
      }
      read.activities.delete(seq);
      read.lastNews = eventId;
      return;
    }
    case "timerScheduled":
      read.timers.set(kind.value.seq, eventId);
      read.fireTimes.set(
        kind.value.seq,
        kind.value.fireTime === undefined ? 0 : timestampMs(kind.value.fireTime),
      );
      return;
    case "timerFired":
      rule(
        time >= (read.fireTimes.get(kind.value.seq) ?? Number.POSITIVE_INFINITY),
        `timer ${kind.value.seq} is early`,
      );
      endTimer(read, eventId, kind.value);
      read.lastNews = eventId;
      return;
    case "timerCancelled":
      checkCause(read, eventId, kind.value);
      endTimer(read, eventId, kind.value);
      return;
    default:
      return;
  }
}

function endTimer(read: Reading, eventId: number, timer: { seq: number; scheduledEventId: number }): void {
  rule(
    read.timers.get(timer.seq) === timer.scheduledEventId,
    `event ${eventId} ends a timer that is not pending`,
  );
  read.timers.delete(timer.seq);
}

/** A command or the run's cancellation, and nothing else, cancels things. */
function checkCause(
  read: Reading,
  eventId: number,
  { taskCompletedEventId, causeEventId }: { taskCompletedEventId: number; causeEventId: number },
): void {
  const cause = taskCompletedEventId === 0 ? read.cancelRequestedEventId : 0;
  rule(causeEventId === cause, `event ${eventId} names ${causeEventId} as its cause`);
}

/** Says that a rule is broken; far faster than an assertion, and there are millions. */
export function rule(isKept: boolean, what: string): void {
  if (!isKept) throw new Error(`a rule is broken: ${what}`);
}
