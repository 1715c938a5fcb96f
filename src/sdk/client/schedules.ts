/** Schedules: workflows that start by the clock. */
import { durationMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Schedule, ScheduleRun as ScheduleRunMessage } from "../../../gen/pawl/v1/schedule_pb.js";
import type { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import type { UnaryClient } from "../connection.js";
import { PawlError } from "../errors.js";
import { decodePayload } from "../payload.js";
import type { CallParts } from "./call-parts.js";
import { allPages } from "./reads.js";
import {
  decodeSpec,
  encodeDefinition,
  encodeSpec,
  type OverlapPolicy,
  overlapName,
  overlapOf,
  type ScheduleDefinition,
  type ScheduleSpec,
} from "./schedule-definition.js";

/** A schedule as it is. */
export interface ScheduleDescription {
  readonly scheduleId: string;
  readonly spec: ScheduleSpec;
  /** What it starts. */
  readonly workflowType: string;
  readonly input: unknown;
  readonly taskQueue: string;
  readonly overlap: OverlapPolicy;
  /** In milliseconds. */
  readonly catchUpWindow: number;
  readonly isPaused: boolean;
  readonly note: string;
  /** Grows with every change that a caller makes. */
  readonly revision: bigint;
  readonly createTime: Date | undefined;
  /** The next fires, at most 10, of a list the first alone; none while it is paused. */
  readonly nextFires: readonly Date[];
  /** The last runs, newest first, at most 10. */
  readonly lastRuns: readonly ScheduleRun[];
  /** How many fires were skipped by the overlap policy. */
  readonly skippedCount: number;
  /** How many fires were missed in downtime. */
  readonly missedCount: number;
  /** Why it does not fire although it is due; empty if nothing is known to be wrong. */
  readonly lastError: string;
}

/** A run that a schedule started. */
export interface ScheduleRun {
  readonly workflowId: string;
  readonly runId: string;
  /** The time that the schedule fired for. */
  readonly scheduledTime: Date | undefined;
  readonly startTime: Date | undefined;
  /** Where it stands, such as "RUNNING". */
  readonly status: string;
}

/** Schedules of a namespace. Throws a ScheduleNotFoundError for one that there is not. */
export interface Schedules {
  /** Makes a schedule. It first fires at the next matching time, never at creation. Throws a ScheduleAlreadyExistsError. */
  create<I>(scheduleId: string, definition: ScheduleDefinition<I>): Promise<ScheduleDescription>;
  /** Gets a schedule. */
  get(scheduleId: string): Promise<ScheduleDescription>;
  /**
   * Changes a schedule: reads it, lets the function say what changes, and writes that if nobody has changed it meanwhile; else once more from the beginning, so the
   * function may be called several times. What it leaves out stays as it is. The next fire is computed anew.
   */
  update<I = never>(
    scheduleId: string,
    change: (
      schedule: ScheduleDescription,
    ) => Partial<ScheduleDefinition<I>> | Promise<Partial<ScheduleDefinition<I>>>,
  ): Promise<ScheduleDescription>;
  /** Pauses a schedule; a note says why. */
  pause(scheduleId: string, note?: string): Promise<ScheduleDescription>;
  /** Resumes a schedule; the next fire is computed from now. */
  resume(scheduleId: string, note?: string): Promise<ScheduleDescription>;
  /** Fires now. Gives the run, undefined if the overlap policy did not let it start now. */
  trigger(
    scheduleId: string,
    options?: { readonly overlap?: OverlapPolicy },
  ): Promise<ScheduleRun | undefined>;
  /** Fires for every matching time from a time to another, which is left out, by default with "allow-all". Gives how many those are. */
  backfill(
    scheduleId: string,
    range: { readonly from: Date; readonly to: Date; readonly overlap?: OverlapPolicy },
  ): Promise<number>;
  /** Deletes a schedule. Runs that it started go on. */
  delete(scheduleId: string): Promise<void>;
  /** Lists schedules by id, all pages. */
  list(): AsyncIterable<ScheduleDescription>;
  /** Tells the next fires of a spec, by default 10 from now, without storing it. At most 100. */
  preview(
    spec: ScheduleSpec,
    options?: { readonly from?: Date; readonly count?: number },
  ): Promise<readonly Date[]>;
}

/** What schedules need. */
export interface ScheduleParts extends Pick<CallParts, "namespace" | "write" | "call"> {
  readonly rpc: UnaryClient<typeof ScheduleService>;
}

const pageSize = 1_000;
const maxChanges = 10;

/** Makes the calls about schedules. */
export function createSchedules(parts: ScheduleParts): Schedules {
  const { rpc, namespace, write, call } = parts;
  return {
    async create(scheduleId, definition) {
      const request = { ...write(), scheduleId, definition: encodeDefinition(definition) };
      return described((await rpc.createSchedule(request, call)).schedule);
    },
    async get(scheduleId) {
      return described((await rpc.getSchedule({ namespace, scheduleId }, call)).schedule);
    },
    update: (scheduleId, change) => updateSchedule(parts, scheduleId, change),
    async pause(scheduleId, note = "") {
      return described((await rpc.pauseSchedule({ ...write(), scheduleId, note }, call)).schedule);
    },
    async resume(scheduleId, note = "") {
      return described((await rpc.resumeSchedule({ ...write(), scheduleId, note }, call)).schedule);
    },
    async trigger(scheduleId, { overlap } = {}) {
      const request = { ...write(), scheduleId, overlapPolicy: overlapOf(overlap) };
      const { run } = await rpc.triggerSchedule(request, call);
      return run && runOf(run);
    },
    async backfill(scheduleId, { from, to, overlap }) {
      const times = { fromTime: timestampFromDate(from), toTime: timestampFromDate(to) };
      const request = { ...write(), scheduleId, ...times, overlapPolicy: overlapOf(overlap) };
      return (await rpc.backfillSchedule(request, call)).fires;
    },
    async delete(scheduleId) {
      await rpc.deleteSchedule({ ...write(), scheduleId }, call);
    },
    list: () =>
      allPages(async (pageToken) => {
        const page = await rpc.listSchedules({ namespace, pageSize, pageToken }, call);
        return { items: page.schedules.map(described), nextPageToken: page.nextPageToken };
      }),
    async preview(spec, { from, count = 10 } = {}) {
      const fromTime = from && { fromTime: timestampFromDate(from) };
      const request = { spec: encodeSpec(spec), count, ...fromTime };
      return (await rpc.previewSchedule(request, call)).fireTimes.map(timestampDate);
    },
  };
}

async function updateSchedule(
  { rpc, namespace, write, call }: ScheduleParts,
  scheduleId: string,
  change: Parameters<Schedules["update"]>[1],
): Promise<ScheduleDescription> {
  for (let tries = 1; ; tries++) {
    const { schedule } = await rpc.getSchedule({ namespace, scheduleId }, call);
    const changes = await change(described(schedule));
    const definition = encodeDefinition(changes, schedule?.definition);
    const request = { ...write(), scheduleId, definition, revision: schedule?.revision ?? 0n };
    try {
      return described((await rpc.updateSchedule(request, call)).schedule);
    } catch (error) {
      const isChanged = error instanceof PawlError && error.reason === "REVISION_MISMATCH";
      if (!isChanged || tries === maxChanges) throw error;
    }
  }
}

function described(schedule: Schedule | undefined): ScheduleDescription {
  if (schedule === undefined) throw new Error("the server answered without a schedule");
  const { definition, createTime } = schedule;
  return {
    scheduleId: schedule.scheduleId,
    spec: decodeSpec(definition?.spec),
    workflowType: definition?.workflow?.workflowType ?? "",
    input: decodePayload(definition?.workflow?.input),
    taskQueue: definition?.workflow?.taskQueue ?? "",
    overlap: overlapName(definition?.overlapPolicy ?? 0),
    catchUpWindow: definition?.catchUpWindow ? durationMs(definition.catchUpWindow) : 60_000,
    isPaused: definition?.isPaused ?? false,
    note: definition?.note ?? "",
    revision: schedule.revision,
    createTime: createTime && timestampDate(createTime),
    nextFires: schedule.nextFireTimes.map(timestampDate),
    lastRuns: schedule.lastRuns.map(runOf),
    skippedCount: Number(schedule.skippedCount),
    missedCount: Number(schedule.missedCount),
    lastError: schedule.lastError,
  };
}

function runOf({ workflowId, runId, scheduledTime, startTime, status }: ScheduleRunMessage): ScheduleRun {
  return {
    workflowId,
    runId,
    scheduledTime: scheduledTime && timestampDate(scheduledTime),
    startTime: startTime && timestampDate(startTime),
    status: WorkflowStatus[status] ?? "UNSPECIFIED",
  };
}
