/** Specs of schedules of any kind, each as it is written and as it is meant. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import type { ScheduleSpecSchema } from "../../../gen/pawl/v1/schedule_pb.js";
import type { CronModel, SpecModel } from "./reference-times.js";
import type { LocalMinute } from "./wall-clock.js";

/** One field of a cron expression: what is written, and what it takes. */
type Field<Taken> = readonly [text: string, takes: Taken];

const range = (from: number, to: number, step = 1) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

const seconds: readonly Field<number[]>[] = [
  ["0", [0]],
  ["30", [30]],
  ["5,45", [5, 45]],
  ["*/20", [0, 20, 40]],
];
const minutes: readonly Field<number[]>[] = [
  ["0", [0]],
  ["30", [30]],
  ["0,30", [0, 30]],
  ["*/15", [0, 15, 30, 45]],
  ["58-59", [58, 59]],
  ["3/20", [3, 23, 43]],
  ["*", range(0, 59)],
];
const hours: readonly Field<number[]>[] = [
  ["*", range(0, 23)],
  ["0-23", range(0, 23)],
  ["2", [2]],
  ["0,1,2,3", [0, 1, 2, 3]],
  ["0", [0]],
  ["23", [23]],
  ["*/6", range(0, 23, 6)],
  ["1-23", range(1, 23)],
];
const months: readonly Field<number[]>[] = [
  ["*", range(1, 12)],
  ["MAR,APR,OCT", [3, 4, 10]],
  ["*/3", [1, 4, 7, 10]],
];

type Takes = (minute: LocalMinute) => boolean;

const any = "*";
const dates: readonly Field<Takes>[] = [
  [any, () => true],
  ["1,15,29", ({ date }) => [1, 15, 29].includes(date)],
  ["L", ({ isLastDate }) => isLastDate],
  ["25-31", ({ date }) => date >= 25],
  ["*/2", ({ date }) => date % 2 === 1],
];
const weekdays: readonly Field<Takes>[] = [
  [any, () => true],
  ["SUN", ({ weekday }) => weekday === 0],
  ["7", ({ weekday }) => weekday === 0],
  ["1-5", ({ weekday }) => weekday >= 1 && weekday <= 5],
  ["SUN#2", ({ weekday, date }) => weekday === 0 && date >= 8 && date <= 14],
  ["0L", ({ weekday, isLastWeek }) => weekday === 0 && isLastWeek],
];

/** Most have hours near those at which clocks are set, on every day. */
const mostly = <T>(all: readonly T[]) => {
  const [usual] = all;
  return usual === undefined
    ? fc.constantFrom(...all)
    : fc.oneof(
        { weight: 3, arbitrary: fc.constant(usual) },
        { weight: 2, arbitrary: fc.constantFrom(...all) },
      );
};

const cron: fc.Arbitrary<CronModel> = fc
  .record({
    second: fc.option(fc.constantFrom(...seconds), { freq: 3, nil: undefined }),
    minute: fc.constantFrom(...minutes),
    hour: fc.constantFrom(...hours),
    date: mostly(dates),
    month: mostly(months),
    weekday: mostly(weekdays),
  })
  .map(({ second, minute, hour, date, month, weekday }) => ({
    text: [...(second === undefined ? [] : [second]), minute, hour, date, month, weekday]
      .map(([text]) => text)
      .join(" "),
    seconds: second?.[1] ?? [0],
    isOfEveryHour: hour[1].length === 24,
    matches(at) {
      if (!minute[1].includes(at.minute) || !hour[1].includes(at.hour) || !month[1].includes(at.month))
        return false;
      // Where both kinds of days are restricted, either will do.
      if (date[0] === any || weekday[0] === any) return date[1](at) && weekday[1](at);
      return date[1](at) || weekday[1](at);
    },
  }));

const hourly: CronModel = {
  text: "@hourly",
  seconds: [0],
  isOfEveryHour: true,
  matches: ({ minute }) => minute === 0,
};

const interval = fc
  .tuple(fc.constantFrom(1, 20, 60, 90, 600, 3_600, 5_400, 86_400), fc.constantFrom(0, 0, 250, 700))
  .map(([everySeconds, offsetMs]) => ({ everySeconds, offsetMs }));

const zones = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/Havana",
  "Australia/Lord_Howe",
  "Antarctica/Troll",
  "Africa/Casablanca",
  "Asia/Kolkata",
];

/** Specs, with start and end so many milliseconds behind the beginning of the test. */
export const arbitrarySpec: fc.Arbitrary<SpecModel> = fc
  .record({
    cron: fc.array(fc.oneof({ weight: 9, arbitrary: cron }, { weight: 1, arbitrary: fc.constant(hourly) }), {
      maxLength: 2,
    }),
    intervals: fc.array(interval, { maxLength: 1 }),
    timeZone: fc.constantFrom(...zones),
    startAt: fc.option(fc.constantFrom(-1, 0, 3_600_000, 100_000_000), { freq: 3, nil: undefined }),
    endAt: fc.option(fc.constantFrom(7_200_000, 90_000_000, 300_000_000), { freq: 3, nil: undefined }),
    jitterMs: fc.constantFrom(0, 0, 1, 800, 45_000, 7_200_000),
  })
  .filter(
    ({ cron, intervals, startAt = -1, endAt = startAt + 1 }) =>
      cron.length + intervals.length > 0 && startAt < endAt,
  )
  .map((spec) => ({ ...spec, [fc.toStringMethod]: () => JSON.stringify(spec) }));

/** The spec of a test that begins at this time, in milliseconds. */
export function specFrom(spec: SpecModel, beganAt: number): SpecModel {
  const moved = (at: number | undefined) => (at === undefined ? undefined : beganAt + at);
  return { ...spec, startAt: moved(spec.startAt), endAt: moved(spec.endAt) };
}

/** A spec as callers write it. */
export function writeSpec(spec: SpecModel): MessageInitShape<typeof ScheduleSpecSchema> {
  const { startAt, endAt, timeZone, jitterMs } = spec;
  return {
    cron: spec.cron.map(({ text }) => text),
    intervals: spec.intervals.map(({ everySeconds, offsetMs }) => ({
      every: durationFromMs(everySeconds * 1_000),
      offset: durationFromMs(offsetMs),
    })),
    ...{ timeZone, jitter: durationFromMs(jitterMs) },
    ...(startAt === undefined ? {} : { startTime: timestampFromMs(startAt) }),
    ...(endAt === undefined ? {} : { endTime: timestampFromMs(endAt) }),
  };
}

/** Whether it fires so often that no test can wait for long. */
export function isDense({ intervals, cron: rules }: SpecModel): boolean {
  return (
    intervals.some(({ everySeconds }) => everySeconds < 60) || rules.some((rule) => rule.seconds.length > 1)
  );
}
