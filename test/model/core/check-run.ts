/** What must hold of a run's state and of its history after every step. */
import { earliestDeadline } from "../../../src/core/deadlines.js";
import type { RunState } from "../../../src/core/run-state.js";
import { isClosedStatus } from "../../../src/core/status.js";
import { readWaiting } from "../../../src/core/waiting.js";
import type { Folded } from "../read-history.js";
import { rule } from "../rule.js";

/** Checks a state against what its history says. */
export function checkStep({ state, folded }: { readonly state: RunState; readonly folded: Folded }): void {
  rule(state.nextEventId === folded.nextEventId, "next event id");
  rule(state.status === folded.status, "status");
  rule(state.lastSeq >= folded.lastSeq, "last seq");
  rule(state.previousStartedEventId === folded.previousStartedEventId, "previous started event id");
  if (isClosedStatus(state.status)) checkClosed(state);
  else checkOpen(state, folded);
}

function checkClosed(state: RunState): void {
  const { workflowTask, buffered, wakeupAt, activities, timers, children, externalRequests } = state;
  rule(
    workflowTask === undefined && buffered.length === 0 && wakeupAt === undefined,
    "nothing is left to do",
  );
  const open = [...state.updates.values()].filter(({ rejection }) => rejection === undefined);
  const pending = activities.size + timers.size + children.size + externalRequests.size + open.length;
  rule(pending === 0, "nothing is pending in a closed run");
}

function checkOpen(state: RunState, folded: Folded): void {
  checkPending(state, folded);
  checkUpdates(state, folded);
  checkTask(state, folded);
  const isNew = folded.lastNews > state.previousStartedEventId;
  rule(!isNew || state.workflowTask !== undefined, "what is undelivered has a workflow task");
  rule(state.buffered.length === 0 || state.workflowTask?.lease !== undefined, "only a started task buffers");
  const positions = new Set(state.buffered.map(({ position }) => position));
  rule(positions.size === state.buffered.length, "positions are used once");
  const earliest = earliestDeadline(state) ?? Number.POSITIVE_INFINITY;
  rule((state.wakeupAt ?? Number.POSITIVE_INFINITY) <= earliest, "the wake-up is not late");
  const view = { now: state.lastEventAt, isPolled: () => false };
  rule(readWaiting(state, view).length > 0, "an open run waits for something");
}

/** The updates that history says are accepted are, and one that no task has yet will get one. */
function checkUpdates({ updates, workflowTask }: RunState, folded: Folded): void {
  const accepted = [...updates.values()].filter(({ acceptedEventId }) => acceptedEventId !== undefined);
  const told = [...folded.accepted].filter(([, eventId]) => eventId > 0);
  rule(accepted.length === told.length, "accepted updates");
  for (const { updateId, acceptedEventId } of accepted)
    rule(folded.accepted.get(updateId) === acceptedEventId, `update ${updateId} was accepted`);
  const isUnseen = [...updates.values()].some((update) => update.isUnseen);
  rule(!isUnseen || workflowTask?.lease !== undefined, "an update that the task lacks gets the next one");
}

/** What history says is pending is pending, but for what has ended in an event that is still buffered. */
function checkPending(state: RunState, folded: Folded): void {
  const activities = new Map(folded.activities);
  const timers = new Map(folded.timers);
  const children = new Map([...folded.children].map(([seq, { initiated }]) => [seq, initiated]));
  const requests = new Map(folded.requests);
  let cancelRequestedEventId = folded.cancelRequestedEventId;
  const ends: Partial<Record<string, Map<number, number>>> = {
    timerFired: timers,
    timerCancelled: timers,
    activityCompleted: activities,
    activityFailed: activities,
    activityTimedOut: activities,
    activityCancelled: activities,
    childWorkflowStartFailed: children,
    childWorkflowCompleted: children,
    childWorkflowFailed: children,
    childWorkflowCancelled: children,
    childWorkflowTimedOut: children,
    childWorkflowTerminated: children,
    externalSignalDelivered: requests,
    externalSignalFailed: requests,
    externalCancelDelivered: requests,
    externalCancelFailed: requests,
  };
  for (const { event } of state.buffered) {
    const { kind } = event;
    if (kind.case === "workflowCancelRequested") cancelRequestedEventId = 0;
    const ended = ends[kind.case ?? ""];
    const value: object = kind.value ?? {};
    if (ended !== undefined && "seq" in value)
      rule(ended.delete(Number(value.seq)), `${kind.case} is buffered for what is not pending`);
  }
  rule(state.cancelRequestedEventId === cancelRequestedEventId, "cancel requested");
  const pairs = (pending: ReadonlyMap<number, { readonly scheduledEventId: number }>) =>
    [...pending].flatMap(([seq, { scheduledEventId }]) => [seq, scheduledEventId]);
  rule(isSameList(pairs(state.activities), [...activities].flat()), "pending activities");
  rule(isSameList(pairs(state.timers), [...timers].flat()), "pending timers");
  const initiated = (pending: ReadonlyMap<number, { readonly initiatedEventId: number }>) =>
    [...pending].flatMap(([seq, { initiatedEventId }]) => [seq, initiatedEventId]);
  rule(isSameList(initiated(state.children), [...children].flat()), "pending children");
  rule(isSameList(initiated(state.externalRequests), [...requests].flat()), "pending requests");
}

function checkTask({ workflowTask: task, nextEventId }: RunState, folded: Folded): void {
  if (folded.task !== undefined) {
    const { scheduled, started } = folded.task;
    rule(task?.attempt === 1 && task.scheduledEventId === scheduled, "the recorded task is pending");
    const startedEventId = task?.lease?.startedEventId ?? 0;
    rule(startedEventId === started, "the recorded task is started if its event is there");
  } else if (task !== undefined) {
    rule(task.attempt > 1 && task.scheduledEventId === nextEventId, "later attempts are out of history");
  }
}

/** Whatever a state holds, to see that nobody changes it. */
export function digestOf(state: RunState): unknown[] {
  const { activities, timers, children, externalRequests, keys, buffered } = state;
  const maps = [activities, timers, children, externalRequests, keys];
  return [...Object.values(state), ...maps.flatMap((map) => [...map.values()]), ...buffered];
}

/** Whether two lists hold the same, in the same order. */
export function isSameList(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
