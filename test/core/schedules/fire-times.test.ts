import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ScheduleSpecSchema } from "../../../gen/pawl/v1/schedule_pb.js";
import { nextLocalTime } from "../../../src/core/schedules/cron-rule.js";
import { listFireTimes, readFireTimes } from "../../../src/core/schedules/fire-times.js";
import { refusalOf } from "../scenario.js";

type Spec = MessageInitShape<typeof ScheduleSpecSchema>;

const micros = (time: string) => Date.parse(time) * 1_000;
const read = (spec: Spec, scheduleId = "s") =>
  readFireTimes(create(ScheduleSpecSchema, spec), "spec", scheduleId);
/** The next times, without the seconds where those are 0. */
const list = (spec: Spec, from: string, count: number) =>
  listFireTimes(read(spec), micros(from), count).map((at) =>
    new Date(at / 1_000).toISOString().replace(/(:00)?\.000Z$/, "Z"),
  );
const cron = (expression: string, timeZone = "UTC"): Spec => ({ cron: [expression], timeZone });
const every = (seconds: number, offset = 0): Spec => ({
  intervals: [{ every: { seconds: BigInt(seconds) }, offset: { seconds: BigInt(offset) } }],
});
const problem = (spec: Spec) => {
  const refusal = refusalOf(() => read(spec));
  return [refusal?.metadata.field, refusal?.message] as const;
};

describe("a cron expression", () => {
  it.each([
    ["* * * * *", ["2026-01-01T00:01Z", "2026-01-01T00:02Z"]],
    ["*/20 * * * * *", ["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z"]],
    ["30 5/7 * * SUN", ["2026-01-04T05:30Z", "2026-01-04T12:30Z"]],
    ["0 0 1,15 6-7 *", ["2026-06-01T00:00Z", "2026-06-15T00:00Z"]],
    ["0 0 13 * FRI", ["2026-01-02T00:00Z", "2026-01-09T00:00Z"]],
    ["0 0 L * ?", ["2026-01-31T00:00Z", "2026-02-28T00:00Z"]],
    ["0 0 ? * 5L", ["2026-01-30T00:00Z", "2026-02-27T00:00Z"]],
    ["0 0 ? * MON#2", ["2026-01-12T00:00Z", "2026-02-09T00:00Z"]],
    ["0 0 ? 2 MON#5", ["2044-02-29T00:00Z", "2072-02-29T00:00Z"]],
    ["0 0 29 2 *", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]],
    ["0 0 * * 7", ["2026-01-04T00:00Z", "2026-01-11T00:00Z"]],
    ["@hourly", ["2026-01-01T01:00Z", "2026-01-01T02:00Z"]],
    ["@Daily", ["2026-01-02T00:00Z", "2026-01-03T00:00Z"]],
    ["@weekly", ["2026-01-04T00:00Z", "2026-01-11T00:00Z"]],
    ["@monthly", ["2026-02-01T00:00Z", "2026-03-01T00:00Z"]],
    ["@annually", ["2027-01-01T00:00Z", "2028-01-01T00:00Z"]],
  ])("%s fires when it says", (expression, times) => {
    expect(list(cron(expression), "2026-01-01T00:00:00Z", 2)).toEqual(times);
  });

  it.each([
    ["", "has 0 fields"],
    ["  ", "has 0 fields"],
    ["* * *", "has 3 fields"],
    ["0 0 0 1 1 * 2027", "has 7 fields"],
    ["@reboot", "must be one of @yearly"],
    ["0 0 31 2 *", "it never fires"],
    ["0 0 30 2 *", "it never fires"],
    ["60 * * * *", "is no cron expression"],
    ["a b c d e", "is no cron expression"],
    ["H * * * *", "must not have H"],
  ])("'%s' is refused by name", (expression, why) => {
    const [field, message] = problem({ cron: ["@daily", expression] });
    expect(field).toBe("spec.cron[1]");
    expect(message).toContain(why);
  });
});

it("would rather fail than look for ever for the times of a rule that has none", () => {
  const rule = { seconds: [0], minutes: [0], hours: [0], months: new Set([1]), matchesDay: () => false };
  expect(() => nextLocalTime(rule, 0)).toThrow("never matches");
});

describe("in New York", () => {
  const zone = "America/New_York";

  it("fires an hour later by the clock when its hour is left out in spring, and once when it comes twice in autumn", () => {
    expect(list(cron("30 2 * * *", zone), "2026-03-07T00:00:00Z", 3)).toEqual([
      ...["2026-03-07T07:30Z", "2026-03-08T07:30Z", "2026-03-09T06:30Z"],
    ]);
    expect(list(cron("30 1 * * *", zone), "2026-10-31T00:00:00Z", 3)).toEqual([
      ...["2026-10-31T05:30Z", "2026-11-01T05:30Z", "2026-11-02T06:30Z"],
    ]);
    expect(list(cron("30 1 * * *", zone), "2026-11-01T05:45:00Z", 1)).toEqual(["2026-11-02T06:30Z"]);
  });

  it("goes on every half hour through both", () => {
    expect(list(cron("*/30 * * * *", zone), "2026-03-08T06:00:00Z", 3)).toEqual([
      ...["2026-03-08T06:30Z", "2026-03-08T07:00Z", "2026-03-08T07:30Z"],
    ]);
    expect(list(cron("*/30 * * * *", zone), "2026-11-01T05:00:00Z", 4)).toEqual([
      ...["2026-11-01T05:30Z", "2026-11-01T06:00Z", "2026-11-01T06:30Z", "2026-11-01T07:00Z"],
    ]);
  });

  it("fires once where a time that is left out falls on another of the rule", () => {
    expect(list(cron("*/30 2-3 * * *", zone), "2026-03-08T04:00:00Z", 3)).toEqual([
      ...["2026-03-08T07:00Z", "2026-03-08T07:30Z", "2026-03-09T06:00Z"],
    ]);
  });
});

describe("in Berlin", () => {
  const zone = "Europe/Berlin";

  it("fires on the days of both changes", () => {
    expect(list(cron("30 2 * * *", zone), "2026-03-28T00:00:00Z", 3)).toEqual([
      ...["2026-03-28T01:30Z", "2026-03-29T01:30Z", "2026-03-30T00:30Z"],
    ]);
    expect(list(cron("30 2 * * *", zone), "2026-10-24T00:00:00Z", 3)).toEqual([
      ...["2026-10-24T00:30Z", "2026-10-25T00:30Z", "2026-10-26T01:30Z"],
    ]);
    expect(list(cron("0 1,2,3 * * *", zone), "2026-10-24T22:30:00Z", 3)).toEqual([
      ...["2026-10-24T23:00Z", "2026-10-25T00:00Z", "2026-10-25T02:00Z"],
    ]);
    expect(list(cron("0 * 29 2 *", zone), "2026-10-24T00:00:00Z", 1)).toEqual(["2028-02-28T23:00Z"]);
  });
});

describe("on Lord Howe Island, where clocks move by half an hour", () => {
  const zone = "Australia/Lord_Howe";

  it("fires half an hour later by the clock in spring, and once in autumn", () => {
    expect(list(cron("15 2 * * *", zone), "2026-10-02T00:00:00Z", 3)).toEqual([
      ...["2026-10-02T15:45Z", "2026-10-03T15:45Z", "2026-10-04T15:15Z"],
    ]);
    expect(list(cron("45 1 * * *", zone), "2026-04-03T00:00:00Z", 3)).toEqual([
      ...["2026-04-03T14:45Z", "2026-04-04T14:45Z", "2026-04-05T15:15Z"],
    ]);
  });

  it("goes on every quarter and every hour by the clock through both", () => {
    expect(list(cron("*/15 * * * *", zone), "2026-10-03T15:00:00Z", 4)).toEqual([
      ...["2026-10-03T15:15Z", "2026-10-03T15:30Z", "2026-10-03T15:45Z", "2026-10-03T16:00Z"],
    ]);
    expect(list(cron("*/15 * * * *", zone), "2026-04-04T14:30:00Z", 4)).toEqual([
      ...["2026-04-04T14:45Z", "2026-04-04T15:00Z", "2026-04-04T15:15Z", "2026-04-04T15:30Z"],
    ]);
    expect(list(cron("@hourly", zone), "2026-04-04T13:30:00Z", 3)).toEqual([
      ...["2026-04-04T14:00Z", "2026-04-04T15:30Z", "2026-04-04T16:30Z"],
    ]);
    expect(list(cron("@hourly", zone), "2026-10-03T13:40:00Z", 3)).toEqual([
      ...["2026-10-03T14:30Z", "2026-10-03T16:00Z", "2026-10-03T17:00Z"],
    ]);
  });
});

describe("a zone", () => {
  it("may be west of Greenwich by seconds, and must be known", () => {
    expect(list(cron("0 0 1 1 *", "Africa/Monrovia"), "1900-01-01T00:00:00Z", 1)).toEqual([
      "1900-01-01T00:43:08Z",
    ]);
    expect(list(cron("0 0 1 1 *", "Africa/Abidjan"), "2026-06-01T00:00:00Z", 1)).toEqual([
      "2027-01-01T00:00Z",
    ]);
    expect(problem(cron("@daily", "Europe/Atlantis"))[0]).toBe("spec.time_zone");
  });
});

describe("an interval", () => {
  it("fires at every multiple since the epoch, plus its offset", () => {
    expect(list(every(3_600, 300), "2026-01-01T00:05:00Z", 2)).toEqual([
      "2026-01-01T01:05Z",
      "2026-01-01T02:05Z",
    ]);
    expect(list(every(3_600, 300), "2026-01-01T00:04:59Z", 1)).toEqual(["2026-01-01T00:05Z"]);
  });

  it("is refused if it is too short, or no longer than its offset", () => {
    expect(problem({ intervals: [{}] })[0]).toBe("spec.intervals[0].every");
    expect(problem({ intervals: [{ every: { nanos: 999_000_000 } }] })[0]).toBe("spec.intervals[0].every");
    expect(problem(every(60, 60))[0]).toBe("spec.intervals[0].offset");
  });
});

describe("a spec", () => {
  it("fires at the times of all its rules, and once where they meet", () => {
    expect(list({ cron: ["0 * * * *", "30 * * * *"], ...every(1_800) }, "2026-01-01T00:00:00Z", 3)).toEqual([
      ...["2026-01-01T00:30Z", "2026-01-01T01:00Z", "2026-01-01T01:30Z"],
    ]);
  });

  it("must have a rule, and an end behind its start", () => {
    expect(problem({})[0]).toBe("spec");
    const at = timestampFromDate(new Date("2026-01-01T00:00:00Z"));
    expect(problem({ ...cron("@daily"), startTime: at, endTime: at })[0]).toBe("spec.end_time");
  });

  it("does not fire before its start, nor at its end", () => {
    const startTime = timestampFromDate(new Date("2026-01-01T00:00:00Z"));
    const endTime = timestampFromDate(new Date("2026-01-01T02:00:00Z"));
    const spec = { ...cron("@hourly"), startTime, endTime };
    expect(list(spec, "2020-01-01T00:00:00Z", 9)).toEqual(["2026-01-01T00:00Z", "2026-01-01T01:00Z"]);
    expect(
      list({ ...spec, endTime: startTime, startTime: undefined } as Spec, "2026-01-01T00:00:00Z", 9),
    ).toEqual([]);
  });

  it("has no time behind the last that there is", () => {
    expect(list(cron("@yearly"), "2254-06-01T00:00:00Z", 9)).toEqual(["2255-01-01T00:00Z"]);
  });
});

describe("jitter", () => {
  const noon = micros("2026-01-01T12:00:00Z");
  const jittered = (scheduleId: string, seconds = 60) =>
    read({ cron: ["@hourly"], jitter: { seconds: BigInt(seconds) } }, scheduleId).delayed(noon) - noon;

  it("delays each fire by less than it says, by the same each time, and not all alike", () => {
    const delays = Array.from({ length: 50 }, (_, index) => jittered(`s-${index}`));
    expect(delays.every((delay) => delay >= 0 && delay < 60_000_000)).toBe(true);
    expect(new Set(delays).size).toBeGreaterThan(40);
    expect(jittered("s-7")).toBe(delays[7]);
    expect(read(cron("@hourly")).delayed(noon)).toBe(noon);
  });

  it("never delays a fire as far as the next, or the end", () => {
    const delays = Array.from({ length: 50 }, (_, index) => jittered(`s-${index}`, 86_400));
    expect(Math.max(...delays)).toBeLessThan(3_600_000_000);
    expect(Math.max(...delays)).toBeGreaterThan(1_800_000_000);
    const endTime = timestampFromDate(new Date("2026-01-01T12:00:01Z"));
    const times = read({ cron: ["@hourly"], jitter: { seconds: 60n }, endTime });
    expect(times.delayed(noon)).toBeLessThan(micros("2026-01-01T12:00:01Z"));
  });
});
