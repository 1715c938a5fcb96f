/** The end of every transition: what follows from the changes is done, and the result is made. */
import { leaseActivity } from "./activity-attempt.js";
import { terminateRun } from "./close-run.js";
import { earliestDeadline } from "./deadlines.js";
import { type Draft, isClosed, putActivity } from "./draft.js";
import type { ActivityState, RunState } from "./run-state.js";
import { leaseTask, scheduleTask } from "./task-attempt.js";
import type { RunTransition, TaskOffer } from "./transition.js";

/**
 * Ends a draft: a history at its limit ends the run, news get their workflow task, what became ready is offered to the pollers who wait, and the
 * wake-up is set. Pollers are asked last, since a transition must keep to what they were promised.
 */
export function settle<T>(draft: Draft, outcome: T, isWake = false): RunTransition<T> {
  enforceHistoryLimits(draft);
  scheduleForNews(draft);
  for (const seq of draft.readyActivities) offerActivity(draft, draft.run.activities.get(seq));
  offerTask(draft);
  setWakeup(draft, isWake);
  const { before, run, events, handed, messages, next } = draft;
  const after: RunState = before !== undefined && isSame(before, run) ? before : run;
  return { after, events, handed, messages, next, outcome };
}

/** A transition that changes nothing. */
export function unchanged<T>(run: RunState, outcome: T): RunTransition<T> {
  return { after: run, events: [], handed: [], messages: [], next: undefined, outcome };
}

function enforceHistoryLimits(draft: Draft): void {
  if (isClosed(draft)) return;
  const { maxHistoryEvents, maxHistoryBytes } = draft.context.limits;
  if (draft.run.nextEventId - 1 + draft.run.buffered.length >= maxHistoryEvents) {
    terminateRun(draft, { reason: `the history has reached its limit of ${maxHistoryEvents} events` });
  } else if (draft.run.historyBytes >= maxHistoryBytes) {
    terminateRun(draft, { reason: `the history has reached its limit of ${maxHistoryBytes} bytes` });
  }
}

/** Makes a task for what is new. A task that waits for its next attempt becomes a normal one, tried at once. */
function scheduleForNews(draft: Draft): void {
  if (!draft.hasNews) return;
  const task = draft.run.workflowTask;
  if (task === undefined) scheduleTask(draft);
  else if (task.attempt > 1)
    scheduleTask(draft, { lastFailure: task.lastFailure, lastFailureCause: task.lastFailureCause });
}

function offerTask(draft: Draft): void {
  const { run, context } = draft;
  const task = run.workflowTask;
  if (task === undefined || task.lease !== undefined) return;
  if (task.readyPosition !== undefined || task.readyAt > draft.now) return;
  const { taker } = draft;
  const poller = taker?.takesNextTask
    ? taker.poller
    : context.takePoller({
        kind: "workflow",
        taskQueue: run.taskQueue,
        type: run.workflowType,
        stickyWorkerId: run.stickyWorkerId,
        ...placeOf(run),
      });
  if (poller !== undefined) leaseTask(draft, task, poller);
  else run.workflowTask = { ...task, readyPosition: task.readyAt };
}

function offerActivity(draft: Draft, activity: ActivityState | undefined): void {
  if (activity === undefined || activity.readyAt > draft.now) return;
  const { taker } = draft;
  const poller = taker?.eagerSeqs.has(activity.seq)
    ? taker.poller
    : draft.context.takePoller({
        kind: "activity",
        taskQueue: activity.taskQueue,
        type: activity.activityType,
        stickyWorkerId: "",
        ...placeOf(draft.run),
      });
  if (poller !== undefined) leaseActivity(draft, activity, poller);
  else putActivity(draft, { ...activity, readyPosition: activity.readyAt });
}

function placeOf(run: RunState): Pick<TaskOffer, "namespaceId" | "runId" | "historyLength"> {
  return { namespaceId: run.namespaceId, runId: run.runId, historyLength: run.nextEventId - 1 };
}

/** The wake-up only ever comes earlier, so that most transitions need not write it; the one that it wakes sets it anew. */
function setWakeup({ run }: Draft, isWake: boolean): void {
  const earliest = earliestDeadline(run);
  if (isWake || run.closedAt !== undefined) run.wakeupAt = earliest;
  else if (earliest !== undefined && earliest < (run.wakeupAt ?? Number.POSITIVE_INFINITY))
    run.wakeupAt = earliest;
}

function isSame(before: RunState, run: RunState): boolean {
  return (Object.keys(run) as (keyof RunState)[]).every((key) => run[key] === before[key]);
}
