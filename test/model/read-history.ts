/** A second, simple reading of history: what it says is pending, and whether it keeps the rules of the run model. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { WorkflowStatus, WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { readBetweenRuns } from "./read-between-runs.js";
import { readPending } from "./read-pending.js";
import { rule } from "./rule.js";

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
  /** Children that have not ended, by seq. */
  readonly children: Map<number, { readonly initiated: number; started: number }>;
  /** Requests to other runs that are not answered, by seq: the event that made them. */
  readonly requests: Map<number, number>;
  /** Names of the signals that were sent to this run, in order; none that an earlier run brought along. */
  readonly signals: string[];
  /** Those that an earlier run brought along: sent again, such a signal is known here. */
  readonly broughtSignals: Set<string>;
  /** Seqs by kind of the events that commands made, by their Completed event. */
  readonly made: Map<number, string[]>;
  /** Updates that were accepted and not answered: their UpdateAccepted by id. */
  readonly accepted: Map<string, number>;
  /** The newest event that workflow code has to see. */
  lastNews: number;
}

/** What reading on needs beside that. */
export interface Reading extends Folded {
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
  workflowContinuedAsNew: WorkflowStatus.CONTINUED_AS_NEW,
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
    children: new Map(),
    requests: new Map(),
    made: new Map(),
    signals: [],
    broughtSignals: new Set(),
    accepted: new Map(),
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
  readBetweenRuns(read, event);
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
      const made = read.made.get(read.lastCompleted) ?? [];
      read.made.set(read.lastCompleted, [...made, `${kind.case} ${value.seq}`]);
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
    case "updateAccepted":
      rule(!read.accepted.has(kind.value.updateId), `update ${kind.value.updateId} is accepted twice`);
      read.accepted.set(kind.value.updateId, eventId);
      return;
    case "updateCompleted": {
      const { updateId, acceptedEventId } = kind.value;
      rule(read.accepted.get(updateId) === acceptedEventId, `event ${eventId} answers no accepted update`);
      // Its id stays: nobody may accept it once more.
      read.accepted.set(updateId, 0);
      return;
    }
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
      rule(
        read.task !== undefined && read.task.started === kind.value.startedEventId,
        `event ${eventId} ends another task`,
      );
      if (kind.case === "workflowTaskCompleted") read.previousStartedEventId = kind.value.startedEventId;
      // What lies before was copied from another run.
      if (kind.case === "workflowTaskFailed" && kind.value.cause === WorkflowTaskFailureCause.RESET)
        for (const name of read.signals.splice(0)) read.broughtSignals.add(name);
      read.task = undefined;
      return;
    case "signalReceived":
      if (kind.value.originRunId === "") read.signals.push(kind.value.name);
      else read.broughtSignals.add(kind.value.name);
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
