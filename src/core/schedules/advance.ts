/** A schedule goes on: it hears of the ends of its runs, and fires for what is due. */
import type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
import { OverlapPolicy } from "../../../gen/pawl/v1/schedule_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import type { Message, Micros } from "../run-state.js";
import { readMicros } from "../time.js";
import { fire, openScheduleDraft, type ScheduleDraft, startRun } from "./fire.js";
import type { FireTimes } from "./fire-times.js";
import {
  mostBackfilled,
  type ScheduleContext,
  type ScheduleState,
  type ScheduleTransition,
  type StartedRun,
} from "./schedule-state.js";

/** What is late by no more than this was not missed: the server was busy, not away. */
const punctual: Micros = 1_000_000;
const defaultCatchUp: Micros = 60_000_000;
/** So many missed fires are counted in one decision; what is left then is due at once. */
const mostMissed = 500;

/** Takes in messages alone. */
export function hearRunEnds(
  state: ScheduleState,
  messages: readonly Message[],
  context: ScheduleContext,
): ScheduleTransition<void> {
  const draft = openScheduleDraft(state, context);
  for (const message of messages) hearEnd(draft, message);
  return finishDraft(draft, undefined, messages);
}

/** Takes in messages, then starts what waits, or fires for the next time that is due, or goes on with a backfill: one run at most. */
export function advanceSchedule(
  state: ScheduleState | undefined,
  messages: readonly Message[],
  context: ScheduleContext,
): ScheduleTransition<void> {
  if (state === undefined)
    return {
      after: undefined,
      started: undefined,
      handed: [],
      messages: [],
      delivered: messages,
      outcome: undefined,
    };
  const draft = openScheduleDraft(state, context);
  for (const message of messages) hearEnd(draft, message);
  const isDue = state.nextFireAt !== undefined && state.nextFireAt <= context.now;
  if (canStartWaiting(draft)) startWaiting(draft);
  else if (isDue) fireDue(draft);
  return finishDraft(draft, undefined, messages);
}

/** Fires now, whatever the rules say. */
export function triggerSchedule(
  state: ScheduleState,
  policy: OverlapPolicy,
  context: ScheduleContext,
): ScheduleTransition<StartedRun | undefined> {
  const draft = openScheduleDraft(state, context);
  const run = fire(draft, momentOf(context.now), policy || policyOf(state));
  return finishDraft(draft, run, []);
}

/** When a schedule has something to do. */
export function nextFireOf(
  { backfills, nextScheduledAt }: ScheduleState["progress"],
  times: () => FireTimes,
  now: Micros,
): Micros | undefined {
  if (backfills.length > 0) return now;
  return nextScheduledAt === undefined ? undefined : times().delayed(nextScheduledAt);
}

/** The times of rules are whole milliseconds, and so this is none of them: a trigger takes no workflow id that a rule needs. */
function momentOf(now: Micros): Micros {
  return now % 1_000 === 0 ? now + 1 : now;
}

/** A run has ended. A second end of one that was reset is nothing new. */
function hearEnd(draft: ScheduleDraft, { sender: { workflowId }, event: { kind } }: Message): void {
  const { openRuns, lastRuns } = draft.progress;
  if (!openRuns.some((run) => run.workflowId === workflowId)) return;
  const status = statusOf(kind.case);
  draft.progress = {
    ...draft.progress,
    openRuns: openRuns.filter((run) => run.workflowId !== workflowId),
    lastRuns: lastRuns.map((run) => (run.workflowId === workflowId ? { ...run, status } : run)),
  };
  const result: Payload | undefined = kind.case === "workflowCompleted" ? kind.value.result : undefined;
  draft.lastResult = result ?? draft.lastResult;
}

function statusOf(kind: Message["event"]["kind"]["case"]): WorkflowStatus {
  switch (kind) {
    case "workflowCompleted":
      return WorkflowStatus.COMPLETED;
    case "workflowFailed":
      return WorkflowStatus.FAILED;
    case "workflowCancelled":
      return WorkflowStatus.CANCELLED;
    case "workflowTimedOut":
      return WorkflowStatus.TIMED_OUT;
    default:
      return WorkflowStatus.TERMINATED;
  }
}

function canStartWaiting({ progress }: ScheduleDraft): boolean {
  return progress.waitingAt !== undefined && progress.openRuns.length === 0;
}

function startWaiting(draft: ScheduleDraft): void {
  const { waitingAt = 0, ...progress } = draft.progress;
  draft.progress = progress;
  startRun(draft, waitingAt);
}

function fireDue(draft: ScheduleDraft): void {
  const times = draft.times();
  const { nextScheduledAt } = draft.progress;
  if (nextScheduledAt !== undefined && times.delayed(nextScheduledAt) <= draft.context.now)
    fireScheduled(draft, times, nextScheduledAt);
  else goOnWithBackfill(draft, times);
}

/** Of several times that have passed only the last is made up for, and that only within the catch-up window. */
function fireScheduled(draft: ScheduleDraft, times: FireTimes, first: Micros): void {
  const { context, before } = draft;
  const late = (at: Micros) => context.now - times.delayed(at);
  let scheduledAt: Micros | undefined = first;
  let missed = 0;
  let fired: Micros | undefined;
  while (scheduledAt !== undefined && missed < mostMissed && fired === undefined && late(scheduledAt) >= 0) {
    const next = times.after(scheduledAt);
    const isLast = next === undefined || late(next) < 0;
    const isMadeUpFor = isLast && late(scheduledAt) <= catchUpOf(before);
    if (late(scheduledAt) <= punctual || isMadeUpFor) fired = scheduledAt;
    else missed += 1;
    draft.progress = { ...draft.progress, lastScheduledAt: scheduledAt };
    scheduledAt = next;
  }
  const missedCount = draft.progress.missedCount + missed;
  draft.progress = { ...draft.progress, missedCount, nextScheduledAt: scheduledAt };
  if (fired !== undefined) fire(draft, fired, policyOf(before));
}

function goOnWithBackfill(draft: ScheduleDraft, times: FireTimes): void {
  const [backfill, ...others] = draft.progress.backfills;
  if (backfill === undefined) return;
  const { nextAt, endAt, policy, left = mostBackfilled } = backfill;
  const next = times.after(nextAt);
  const isOver = next === undefined || next >= endAt || left <= 1;
  const backfills = isOver ? others : [{ ...backfill, nextAt: next, left: left - 1 }, ...others];
  draft.progress = { ...draft.progress, backfills };
  fire(draft, nextAt, policy);
}

function policyOf({ definition }: ScheduleState): OverlapPolicy {
  return definition.overlapPolicy || OverlapPolicy.SKIP;
}

function catchUpOf({ definition }: ScheduleState): Micros {
  const { catchUpWindow } = definition;
  return catchUpWindow === undefined
    ? defaultCatchUp
    : readMicros(catchUpWindow, "definition.catch_up_window");
}

function finishDraft<T>(
  draft: ScheduleDraft,
  outcome: T,
  delivered: readonly Message[],
): ScheduleTransition<T> {
  const { before, context, progress, lastResult, begun, messages } = draft;
  const isSame = progress === before.progress && lastResult === before.lastResult;
  // A definition that was valid once may not be so any more, and yet the schedule hears of its runs.
  const isDueAsBefore =
    progress.nextScheduledAt === before.progress.nextScheduledAt &&
    progress.backfills === before.progress.backfills;
  const nextFireAt = isDueAsBefore ? before.nextFireAt : nextFireOf(progress, draft.times, context.now);
  return {
    after: isSame ? before : { ...before, progress, lastResult, nextFireAt },
    started: begun && { before: undefined, after: begun.after, events: begun.events },
    handed: begun?.handed ?? [],
    messages: [...messages, ...(begun?.messages ?? [])],
    delivered,
    outcome,
  };
}
