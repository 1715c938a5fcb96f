/** The command that schedules an activity. */
import type { ScheduleActivityCommand } from "../../../gen/pawl/v1/command_pb.js";
import { makeActivityReady } from "../activity-attempt.js";
import { appendEvent, type Draft } from "../draft.js";
import { checkHeader, checkPayload } from "../payload.js";
import { invalidField } from "../refusals.js";
import { fillRetryRule, retryPolicyOf } from "../retry-rule.js";
import type { ActivityState, Micros } from "../run-state.js";
import { checkName, checkText } from "../text.js";
import { addMs, durationOf, latestTime, readMs } from "../time.js";
import { type CommandScope, checkPendingLimit, takeSeq } from "./scope.js";

const defaultStartToCloseMs = 300_000;

/** Schedules an activity and offers its first attempt. */
export function scheduleActivity(scope: CommandScope, command: ScheduleActivityCommand): void {
  const { draft, field } = scope;
  const seq = takeSeq(scope);
  checkPendingLimit(scope, "activities");
  checkPayload(command.input, `${field}.input`, draft.context.limits);
  checkHeader(command.header, `${field}.header`, draft.context.limits);
  const activity = newActivity(draft, seq, command, field);
  const scheduledEventId = appendScheduled(scope, command, activity);
  makeActivityReady(draft, { ...activity, scheduledEventId });
}

function newActivity(
  draft: Draft,
  seq: number,
  command: ScheduleActivityCommand,
  field: string,
): ActivityState {
  const { run, now } = draft;
  checkName(command.activityType, `${field}.activity_type`);
  checkText(command.taskQueue, `${field}.task_queue`);
  if (command.priority < 0 || command.priority > 5) {
    throw invalidField(`${field}.priority`, "must be from 1 to 5, or 0 for the default");
  }
  return {
    seq,
    activityId: freeActivityId(draft, command.activityId || String(seq), field),
    activityType: command.activityType,
    taskQueue: command.taskQueue || run.taskQueue,
    priority: command.priority || run.settings.priority,
    scheduledEventId: 0,
    scheduledAt: now,
    ...readTimeouts(draft, command, field),
    retry: fillRetryRule(command.retryPolicy, `${field}.retry_policy`),
    attempt: 1,
    readyAt: now,
    readyPosition: undefined,
    epoch: 0,
    lease: undefined,
    cancelRequestedEventId: undefined,
    lastFailure: undefined,
    heartbeat: undefined,
  };
}

function freeActivityId({ run }: Draft, activityId: string, field: string): string {
  checkText(activityId, `${field}.activity_id`);
  for (const pending of run.activities.values()) {
    if (pending.activityId !== activityId) continue;
    throw invalidField(
      `${field}.activity_id`,
      `"${activityId}" is that of a pending activity; choose another`,
    );
  }
  return activityId;
}

type Timeouts = Pick<ActivityState, "startToCloseMs" | "scheduleToStartMs" | "heartbeatMs" | "expiresAt">;

/** The timeouts, none longer than the time that all attempts have together, nor that than the time that the run has left. */
function readTimeouts({ run, now }: Draft, command: ScheduleActivityCommand, field: string): Timeouts {
  const scheduleToCloseMs = readMs(command.scheduleToCloseTimeout, `${field}.schedule_to_close_timeout`);
  const ownEnd = scheduleToCloseMs === undefined ? latestTime : addMs(now, scheduleToCloseMs);
  const end = Math.min(ownEnd, run.settings.expiresAt ?? latestTime);
  const remainingMs = Math.max(1, Math.ceil((end - now) / 1000));
  const clamp = (ms: number | undefined) => (ms === undefined ? undefined : Math.min(ms, remainingMs));
  const startToCloseMs = readMs(command.startToCloseTimeout, `${field}.start_to_close_timeout`);
  return {
    startToCloseMs: Math.min(startToCloseMs ?? defaultStartToCloseMs, remainingMs),
    scheduleToStartMs: clamp(readMs(command.scheduleToStartTimeout, `${field}.schedule_to_start_timeout`)),
    heartbeatMs: clamp(readMs(command.heartbeatTimeout, `${field}.heartbeat_timeout`)),
    expiresAt: end === latestTime ? undefined : end,
  };
}

function appendScheduled(
  { draft, completedEventId, meta }: CommandScope,
  { input, header }: ScheduleActivityCommand,
  activity: ActivityState,
): number {
  const { seq, activityId, activityType, taskQueue, priority, expiresAt } = activity;
  const value = {
    seq,
    activityId,
    activityType,
    taskQueue,
    priority,
    startToCloseTimeout: durationOf(activity.startToCloseMs),
    retryPolicy: retryPolicyOf(activity.retry),
    taskCompletedEventId: completedEventId,
    ...(input === undefined ? {} : { input }),
    ...(header === undefined ? {} : { header }),
    ...(expiresAt === undefined ? {} : { scheduleToCloseTimeout: durationOf(msUntil(expiresAt, draft.now)) }),
    ...(activity.scheduleToStartMs === undefined
      ? {}
      : { scheduleToStartTimeout: durationOf(activity.scheduleToStartMs) }),
    ...(activity.heartbeatMs === undefined ? {} : { heartbeatTimeout: durationOf(activity.heartbeatMs) }),
  };
  return appendEvent(draft, { case: "activityScheduled", value }, meta);
}

function msUntil(end: Micros, now: Micros): number {
  return Math.max(0, end - now) / 1000;
}
