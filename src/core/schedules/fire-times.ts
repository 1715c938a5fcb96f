/** When a schedule fires. */
import type { ScheduleInterval, ScheduleSpec } from "../../../gen/pawl/v1/schedule_pb.js";
import { invalidField } from "../refusals.js";
import type { Micros } from "../run-state.js";
import { latestTime, microsOf, readMs } from "../time.js";
import { readCronRule } from "./cron-rule.js";
import { nextCronTime } from "./cron-times.js";
import type { ScheduleState } from "./schedule-state.js";
import { openZone, type Zone } from "./zone.js";

/** The times of a spec. */
export interface FireTimes {
  /** The first time after another that any rule names, always a whole millisecond. Undefined: there is none. */
  after(at: Micros): Micros | undefined;
  /** When the fire for a time takes place: later by its share of the jitter, and never as late as the next. */
  delayed(scheduledAt: Micros): Micros;
}

/** The next time after another, in milliseconds. */
type Rule = (after: number) => number;

const leastIntervalMs = 1_000;

/** Reads a spec; `field` is where it stands in the request. Throws INVALID_FIELD for one that is wrong in any part, or has no rule. */
export function readFireTimes(spec: ScheduleSpec, field: string, scheduleId: string): FireTimes {
  const zone = readZone(spec.timeZone, `${field}.time_zone`);
  const rules = [
    ...spec.cron.map((expression, index) => cronRule(expression, `${field}.cron[${index}]`, zone)),
    ...spec.intervals.map((interval, index) => intervalRule(interval, `${field}.intervals[${index}]`)),
  ];
  if (rules.length === 0) throw invalidField(field, "must have a cron expression or an interval");
  const startAt = spec.startTime === undefined ? -latestTime : microsOf(spec.startTime);
  const endAt = spec.endTime === undefined ? latestTime : microsOf(spec.endTime);
  if (endAt <= startAt) throw invalidField(`${field}.end_time`, "must be later than start_time");
  const jitterMs = readMs(spec.jitter, `${field}.jitter`) ?? 0;
  const after = (at: Micros) => {
    const from = Math.floor(Math.max(at, startAt - 1) / 1_000);
    const next = Math.min(...rules.map((rule) => rule(from))) * 1_000;
    return next < Math.min(endAt, latestTime) ? next : undefined;
  };
  return {
    after,
    delayed(scheduledAt) {
      if (jitterMs === 0) return scheduledAt;
      const gapMs = Math.floor(((after(scheduledAt) ?? endAt) - scheduledAt) / 1_000);
      return (
        scheduledAt +
        (hashOf(`${scheduleId}/${scheduledAt}`) % Math.max(1, Math.min(jitterMs, gapMs))) * 1_000
      );
    },
  };
}

/** The times of a schedule. */
export function timesOf({
  definition,
  scheduleId,
}: Pick<ScheduleState, "definition" | "scheduleId">): FireTimes {
  if (definition.spec === undefined) throw new Error(`schedule "${scheduleId}" has no spec`);
  return readFireTimes(definition.spec, "definition.spec", scheduleId);
}

/** So many of the times after another. */
export function listFireTimes(times: FireTimes, from: Micros, count: number): Micros[] {
  const listed: Micros[] = [];
  for (let at = times.after(from); at !== undefined && listed.length < count; at = times.after(at))
    listed.push(at);
  return listed;
}

function readZone(name: string, field: string): Zone {
  const zone = openZone(name || "UTC");
  if (zone === undefined)
    throw invalidField(field, "must be the name of an IANA time zone, such as Europe/Berlin");
  return zone;
}

function cronRule(expression: string, field: string, zone: Zone): Rule {
  const rule = readCronRule(expression);
  if ("problem" in rule) throw invalidField(field, rule.problem);
  return (after) => nextCronTime(rule, zone, after);
}

function intervalRule({ every, offset }: ScheduleInterval, field: string): Rule {
  const everyMs = readMs(every, `${field}.every`) ?? 0;
  const offsetMs = readMs(offset, `${field}.offset`) ?? 0;
  if (everyMs < leastIntervalMs) throw invalidField(`${field}.every`, "must be at least 1 s");
  if (offsetMs >= everyMs) throw invalidField(`${field}.offset`, "must be less than `every`");
  return (after) => (Math.floor((after - offsetMs) / everyMs) + 1) * everyMs + offsetMs;
}

/** FNV-1a with a final mix, since the last characters are what differs. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
