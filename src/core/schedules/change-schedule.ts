/** What callers change of schedules. */
import { create, equals, toBinary } from "@bufbuild/protobuf";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import {
  OverlapPolicy,
  type ScheduleDefinition,
  ScheduleDefinitionSchema,
  ScheduleSpecSchema,
} from "../../../gen/pawl/v1/schedule_pb.js";
import { RefusedError } from "../errors.js";
import type { Limits } from "../limits.js";
import { invalidField, sizeLimit } from "../refusals.js";
import type { Micros } from "../run-state.js";
import { checkSpec } from "../start.js";
import { checkName } from "../text.js";
import { readMicros } from "../time.js";
import type { Context } from "../transition.js";
import { nextFireOf } from "./advance.js";
import { beginScheduledRun, workflowIdOf } from "./fire.js";
import { type FireTimes, timesOf } from "./fire-times.js";
import { mostBackfilled, type ScheduleName, type ScheduleState } from "./schedule-state.js";

/** The longest text that is added to the prefix of a workflow id: the time of a trigger. */
const longestSuffix = "-2026-01-01T00:00:00.000001Z";
/** So many backfills may wait. */
const mostBackfills = 100;

/** Makes a schedule. Throws INVALID_FIELD and the like for a definition that could never fire, or whose runs could never start. */
export function createSchedule(
  { namespaceId, scheduleId, namespace }: ScheduleName & { readonly namespace: string },
  definition: ScheduleDefinition,
  context: Context,
): ScheduleState {
  checkName(scheduleId, "schedule_id");
  const { now } = context;
  const empty = { messagesSent: 0, lastScheduledAt: 0, openRuns: [], lastRuns: [], backfills: [] };
  const senderId = context.newRunId(namespaceId, scheduleId);
  const state: ScheduleState = {
    ...{ namespaceId, scheduleId, namespace, definition },
    ...{ version: 0, revision: 0, createdAt: now, updatedAt: now },
    progress: { ...empty, senderId, skippedCount: 0, missedCount: 0 },
    lastResult: undefined,
    nextFireAt: undefined,
  };
  return redefine(state, definition, context);
}

/** Replaces the definition. Throws REVISION_MISMATCH if it is not the revision that the caller has read. */
export function updateSchedule(
  state: ScheduleState,
  { definition, revision }: { readonly definition: ScheduleDefinition; readonly revision: bigint },
  context: Context,
): ScheduleState {
  if (BigInt(state.revision) !== revision) throw revisionMismatch(state, revision);
  return redefine(state, definition, context);
}

/** Pauses or resumes. An empty note leaves the note that there is. */
export function setSchedulePaused(
  state: ScheduleState,
  { isPaused, note }: { readonly isPaused: boolean; readonly note: string },
  { now, limits }: Context,
): ScheduleState {
  const { definition } = state;
  if (definition.isPaused === isPaused && (note === "" || note === definition.note)) return state;
  const changed = create(ScheduleDefinitionSchema, {
    ...definition,
    isPaused,
    note: note || definition.note,
  });
  if (note !== "") checkSize(changed, "note", limits);
  return reschedule({ ...state, definition: changed }, now, definition.isPaused === isPaused);
}

/** Fires for the times of a past range, one after the other. Answers how many there are. */
export function backfillSchedule(
  state: ScheduleState,
  range: { readonly from: Micros; readonly to: Micros; readonly policy: OverlapPolicy },
  { now }: Context,
): { readonly after: ScheduleState; readonly fires: number } {
  if (range.to <= range.from) throw invalidField("to_time", "must be later than from_time");
  if (range.to > now) throw invalidField("to_time", "must not be in the future");
  const times = timesOf(state);
  const firstAt = times.after(range.from - 1);
  const fires = countFires(times, firstAt, range.to);
  if (firstAt === undefined || fires === 0) return { after: state, fires: 0 };
  if (state.progress.backfills.length >= mostBackfills)
    throw callLimit(mostBackfills, "backfills wait, as many as may: wait for some to end");
  const policy = range.policy || OverlapPolicy.ALLOW_ALL;
  const backfills = [...state.progress.backfills, { nextAt: firstAt, endAt: range.to, policy, left: fires }];
  return { after: { ...state, progress: { ...state.progress, backfills }, nextFireAt: now }, fires };
}

function countFires(times: FireTimes, firstAt: Micros | undefined, to: Micros): number {
  let fires = 0;
  for (let at = firstAt; at !== undefined && at < to; at = times.after(at)) {
    fires += 1;
    if (fires > mostBackfilled)
      throw callLimit(mostBackfilled, "fires are the most of one backfill: ask for a shorter range");
  }
  return fires;
}

function redefine(state: ScheduleState, definition: ScheduleDefinition, context: Context): ScheduleState {
  const after = { ...state, definition };
  checkDefinition(after, context);
  return reschedule(after, context.now, state.revision > 0 && hasSameTimes(state.definition, definition));
}

/** What is due under the one is due under the other. */
function hasSameTimes(one: ScheduleDefinition, other: ScheduleDefinition): boolean {
  if (one.isPaused !== other.isPaused || one.spec === undefined || other.spec === undefined) return false;
  return equals(ScheduleSpecSchema, one.spec, other.spec);
}

/** The next fire is computed from now; nothing that was dealt with comes again, even if the clock was set back. */
function reschedule(state: ScheduleState, now: Micros, isAsBefore: boolean): ScheduleState {
  const { definition, progress } = state;
  // A definition that is not valid any more can be paused.
  const times = () => timesOf(state);
  const from = Math.max(now, progress.lastScheduledAt);
  const nextScheduledAt = isAsBefore
    ? progress.nextScheduledAt
    : definition.isPaused
      ? undefined
      : times().after(from);
  const next = { ...progress, nextScheduledAt };
  return {
    ...state,
    revision: state.revision + 1,
    updatedAt: now,
    progress: next,
    nextFireAt: nextFireOf(next, times, now),
  };
}

function checkDefinition(state: ScheduleState, context: Context): void {
  const { definition, scheduleId } = state;
  const { spec, workflow } = definition;
  if (spec === undefined) throw invalidField("definition.spec", "must be set");
  if (workflow === undefined) throw invalidField("definition.workflow", "must be set");
  timesOf(state);
  readMicros(definition.catchUpWindow, "definition.catch_up_window");
  const workflowId = `${workflow.workflowId || scheduleId}${longestSuffix}`;
  checkSpec({ workflowId, spec: workflow }, "definition.workflow", context);
  const scheduledAt = context.now;
  const trial = { ...context, takePoller: () => undefined };
  beginScheduledRun(state, { workflowId: workflowIdOf(state, scheduledAt), scheduledAt }, trial);
  checkSize(definition, "definition", context.limits);
}

/** It must fit in a response, as an event must. */
function checkSize(
  definition: ScheduleDefinition,
  field: string,
  { maxEventBytes }: Pick<Limits, "maxEventBytes">,
): void {
  const bytes = toBinary(ScheduleDefinitionSchema, definition).length;
  if (bytes > maxEventBytes) throw sizeLimit(field, maxEventBytes, bytes);
}

function revisionMismatch({ scheduleId, revision }: ScheduleState, read: bigint): RefusedError {
  const message = `schedule "${scheduleId}" is at revision ${revision}, not ${read}: read it again and decide again`;
  return new RefusedError(ErrorReason.REVISION_MISMATCH, message, { revision: String(revision) });
}

function callLimit(limit: number, what: string): RefusedError {
  return new RefusedError(ErrorReason.CALL_LIMIT, `${limit} ${what}`, { limit: String(limit) });
}
