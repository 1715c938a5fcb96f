/** Reading schedules, and the times of those that are not there yet. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ScheduleRunSchema, ScheduleSchema } from "../../../gen/pawl/v1/schedule_pb.js";
import type {
  GetScheduleRequest,
  ListSchedulesRequest,
  PreviewScheduleRequest,
} from "../../../gen/pawl/v1/schedule_service_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { RefusedError } from "../../core/errors.js";
import { listFireTimes, readFireTimes, timesOf } from "../../core/schedules/fire-times.js";
import type { ScheduleState, StartedRun } from "../../core/schedules/schedule-state.js";
import { microsOf, timestampOf } from "../../core/time.js";
import { currentStatuses, listSchedules as listRows } from "../../store/schedules.js";
import { readSchedule, requireSchedule } from "../change-schedule.js";
import type { Call } from "../engine.js";
import { readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { mostPageBytes } from "../response-size.js";
import { fillPage } from "./page.js";

type ScheduleRecord = MessageInitShape<typeof ScheduleSchema>;
type RunRecord = MessageInitShape<typeof ScheduleRunSchema>;

const shownFires = 10;

/** Gets a schedule. */
export async function getSchedule(parts: EngineParts, request: GetScheduleRequest, _call: Call) {
  const { scheduleId } = request;
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const state = requireSchedule(await readSchedule(parts, { namespaceId, scheduleId }), scheduleId);
  return { schedule: await describeSchedule(parts, state) };
}

/** Lists schedules by id; of the next fires it tells the first alone, since to compute the others takes long. */
export async function listSchedules(parts: EngineParts, request: ListSchedulesRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { pageSize: limit, pageToken } = request;
  const query = { schedulesOf: namespaceId };
  const after = pageToken === "" ? "" : readPageToken(pageToken, query, isScheduleId);
  const maxBytes = mostPageBytes(parts);
  const { schedules, hasMore } = await listRows(parts.database.read, { namespaceId, after, limit, maxBytes });
  const runs = await runRecords(
    parts,
    namespaceId,
    schedules.flatMap(({ progress }) => progress.lastRuns),
  );
  let next = 0;
  const rows = { rows: schedules, hasMore };
  const { elements, last } = fillPage(ScheduleSchema, { pageSize: limit, maxBytes }, rows, (state) => {
    const its = runs.slice(next, next + state.progress.lastRuns.length);
    next += its.length;
    const { nextScheduledAt } = state.progress;
    const lastError = parts.scheduleFires.reasonOf(state) ?? "";
    const isSilent = nextScheduledAt === undefined || state.nextFireAt === undefined || lastError !== "";
    return { ...recordOf(state, isSilent ? [] : [state.nextFireAt], its), lastError };
  });
  return { schedules: elements, nextPageToken: last ? writePageToken(query, last.scheduleId) : "" };
}

/** Tells the next fires of a spec. */
export async function previewSchedule({ clock }: EngineParts, request: PreviewScheduleRequest, _call: Call) {
  const { spec, fromTime, count } = request;
  if (spec === undefined) throw new Error("a preview without a spec passed validation");
  const from = fromTime === undefined ? clock.latest() : microsOf(fromTime) - 1;
  const times = listFireTimes(readFireTimes(spec, "spec", ""), from, count || shownFires);
  return { fireTimes: times.map(timestampOf) };
}

/** A schedule as it is shown. */
export async function describeSchedule(parts: EngineParts, state: ScheduleState): Promise<ScheduleRecord> {
  const { lastRuns, nextScheduledAt } = state.progress;
  const runs = await runRecords(parts, state.namespaceId, lastRuns);
  if (nextScheduledAt === undefined) return recordOf(state, [], runs);
  try {
    const times = timesOf(state);
    const next = [nextScheduledAt, ...listFireTimes(times, nextScheduledAt, shownFires - 1)];
    const lastError = parts.scheduleFires.reasonOf(state) ?? "";
    return { ...recordOf(state, next.map(times.delayed), runs), lastError };
  } catch (error) {
    // It was valid when it was made: a zone may have gone since.
    if (!(error instanceof RefusedError)) throw error;
    return { ...recordOf(state, [], runs), lastError: error.message };
  }
}

/** Runs that a schedule has started, with where they stand now. */
export async function runRecords(
  { database }: EngineParts,
  namespaceId: string,
  runs: readonly StartedRun[],
): Promise<RunRecord[]> {
  const open = runs.filter(({ status }) => status === undefined).map(({ workflowId }) => workflowId);
  const statuses = await currentStatuses(database.read, namespaceId, open);
  return runs.map(({ workflowId, runId, scheduledAt, startedAt, status }) => ({
    workflowId,
    runId,
    scheduledTime: timestampOf(scheduledAt),
    startTime: timestampOf(startedAt),
    status: status ?? statuses.get(workflowId) ?? WorkflowStatus.UNSPECIFIED,
  }));
}

function recordOf(state: ScheduleState, nextFires: readonly number[], lastRuns: RunRecord[]): ScheduleRecord {
  const { scheduleId, definition, revision, createdAt, updatedAt, progress } = state;
  return {
    scheduleId,
    definition,
    revision: BigInt(revision),
    createTime: timestampOf(createdAt),
    updateTime: timestampOf(updatedAt),
    nextFireTimes: nextFires.map(timestampOf),
    lastRuns,
    skippedCount: BigInt(progress.skippedCount),
    missedCount: BigInt(progress.missedCount),
  };
}

function isScheduleId(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}
