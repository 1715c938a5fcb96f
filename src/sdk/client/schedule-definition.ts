/** Schedules as code writes them. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  OverlapPolicy as Overlap,
  type ScheduleDefinition as ScheduleDefinitionMessage,
  ScheduleDefinitionSchema,
  type ScheduleSpec as ScheduleSpecMessage,
  type ScheduleSpecSchema,
} from "../../../gen/pawl/v1/schedule_pb.js";
import { type Duration, toMs } from "../duration.js";
import { type StartOptions, startSpec } from "../start-options.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";

/** When a schedule fires: at every time that any of its rules names. */
export interface ScheduleSpec {
  /** Cron expressions of 5 fields, or 6 with seconds first, or `@hourly` and friends. */
  readonly cron?: string | readonly string[];
  /** Fixed intervals since the epoch: "1h" is every full hour in UTC. */
  readonly every?: Duration | ScheduleInterval | readonly (Duration | ScheduleInterval)[];
  /** The IANA time zone that cron expressions are read in, such as "Europe/Berlin". Default "UTC". */
  readonly timeZone?: string;
  /** Fires come later by up to this much, always by the same amount for the same schedule and time. Default: not at all. */
  readonly jitter?: Duration;
  /** No fire before this time. */
  readonly startTime?: Date;
  /** No fire at or after this time. */
  readonly endTime?: Date;
}

/** Fires at every multiple of an interval, plus an offset. */
export interface ScheduleInterval {
  /** At least 1 s. */
  readonly interval: Duration;
  /** Less than the interval. Default 0. */
  readonly offset?: Duration;
}

/**
 * What happens at a fire while the run of an earlier one is open: nothing ("skip"), it waits for that to end ("queue"; one waits at most), it asks that to cancel and then
 * starts ("cancel-old"), or both run ("allow-all").
 */
export type OverlapPolicy = "skip" | "queue" | "cancel-old" | "allow-all";

/** How the runs of a schedule are started. The workflow id is a prefix, by default the schedule's id; the fire time is added to it. */
export type ScheduledStartOptions = Omit<StartOptions, "closedIdPolicy" | "openIdPolicy" | "startDelay">;

/** What a schedule starts. */
export interface ScheduleAction<I = never> extends ScheduledStartOptions {
  readonly workflow: WorkflowDefinition<I, unknown> | string;
  readonly input?: I;
}

/** How a schedule behaves, whatever it starts. */
export interface ScheduleOptions {
  /** What happens at a fire while the run of an earlier one is open. Default "skip". */
  readonly overlap?: OverlapPolicy;
  /** After downtime the latest missed fire is made up for if it is no older than this. Default 1 minute. */
  readonly catchUpWindow?: Duration;
  /** True if it fires only when triggered. Default false. */
  readonly isPaused?: boolean;
  /** A note for people. */
  readonly note?: string;
}

/** A schedule, as it is made. */
export interface ScheduleDefinition<I = never> extends ScheduleOptions {
  readonly spec: ScheduleSpec;
  readonly action: ScheduleAction<I>;
}

const overlapPolicies: Readonly<Record<OverlapPolicy, Overlap>> = {
  skip: Overlap.SKIP,
  queue: Overlap.QUEUE,
  "cancel-old": Overlap.CANCEL_OLD,
  "allow-all": Overlap.ALLOW_ALL,
};

/** An overlap policy as requests have it; unset without one. Throws a RangeError for one that there is not. */
export function overlapOf(policy: OverlapPolicy | undefined): Overlap {
  if (policy === undefined) return Overlap.UNSPECIFIED;
  if (Object.hasOwn(overlapPolicies, policy)) return overlapPolicies[policy];
  const known = Object.keys(overlapPolicies).join(", ");
  throw new RangeError(`there is no overlap policy "${policy}"; there are ${known}`);
}

/** The name of an overlap policy. */
export function overlapName(policy: Overlap): OverlapPolicy {
  const entries = Object.entries(overlapPolicies) as [OverlapPolicy, Overlap][];
  return entries.find(([, value]) => value === policy)?.[0] ?? "skip";
}

/** Makes the message of a definition: what changes over what stands, else over the server's defaults. */
export function encodeDefinition<I>(
  changes: Partial<ScheduleDefinition<I>>,
  standing?: ScheduleDefinitionMessage,
): ScheduleDefinitionMessage {
  const definition = create(ScheduleDefinitionSchema, standing);
  const { spec, action, overlap, catchUpWindow, isPaused, note } = changes;
  if (spec !== undefined) definition.spec = create(ScheduleDefinitionSchema, { spec: encodeSpec(spec) }).spec;
  if (action !== undefined) {
    const { workflow, input, ...options } = action;
    definition.workflow = startSpec(typeof workflow === "string" ? workflow : workflow.type, input, options);
  }
  if (overlap !== undefined) definition.overlapPolicy = overlapOf(overlap);
  if (catchUpWindow !== undefined) definition.catchUpWindow = durationFromMs(toMs(catchUpWindow));
  if (isPaused !== undefined) definition.isPaused = isPaused;
  if (note !== undefined) definition.note = note;
  return definition;
}

/** Makes the message of a spec. */
export function encodeSpec(spec: ScheduleSpec): MessageInitShape<typeof ScheduleSpecSchema> {
  const { cron = [], every = [], timeZone = "", jitter, startTime, endTime } = spec;
  return {
    cron: typeof cron === "string" ? [cron] : [...cron],
    intervals: listOf(every).map((one) => {
      const { interval, offset } = typeof one === "object" ? one : { interval: one };
      return {
        every: durationFromMs(toMs(interval)),
        ...(offset !== undefined && { offset: durationFromMs(toMs(offset)) }),
      };
    }),
    timeZone,
    ...(jitter !== undefined && { jitter: durationFromMs(toMs(jitter)) }),
    ...(startTime !== undefined && { startTime: timestampFromDate(startTime) }),
    ...(endTime !== undefined && { endTime: timestampFromDate(endTime) }),
  };
}

/** Reads a spec, with durations in milliseconds; what is not set is left out. */
export function decodeSpec(spec: ScheduleSpecMessage | undefined): ScheduleSpec {
  const { cron = [], intervals = [], timeZone = "", jitter, startTime, endTime } = spec ?? {};
  return {
    ...(cron.length > 0 && { cron }),
    ...(intervals.length > 0 && {
      every: intervals.map(({ every, offset }) => ({
        interval: every ? durationMs(every) : 0,
        ...(offset && { offset: durationMs(offset) }),
      })),
    }),
    ...(timeZone !== "" && { timeZone }),
    ...(jitter && { jitter: durationMs(jitter) }),
    ...(startTime && { startTime: timestampDate(startTime) }),
    ...(endTime && { endTime: timestampDate(endTime) }),
  };
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}
