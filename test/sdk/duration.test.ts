import { expect, test } from "vitest";
import { type Duration, toMs } from "../../src/sdk/duration.js";

test.each<[Duration, number]>([
  [0, 0],
  [1.4, 1],
  ["250ms", 250],
  ["30s", 30_000],
  ["1.5 h", 5_400_000],
  ["5 minutes", 300_000],
  ["1 minute", 60_000],
  ["1h30m", 5_400_000],
  ["1 day 12 hours", 129_600_000],
  ["2w", 1_209_600_000],
])("%s is %d milliseconds", (duration, ms) => {
  expect(toMs(duration)).toBe(ms);
});

test.each([-1, Number.NaN, "5", "5 parsecs", "5constructor", "1h-30m", "m5", "", "-3s"])(
  "%s is refused",
  (duration) => {
    expect(() => toMs(duration as Duration)).toThrow(RangeError);
  },
);
