/** Cron expressions, and the local times that match them. */
import { CronExpressionParser } from "cron-parser";

/** A cron expression, read. Days and hours are those of local time. */
export interface CronRule {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly months: ReadonlySet<number>;
  matchesDay(day: Day): boolean;
}

/** A day of the calendar. */
interface Day {
  /** From 1. */
  readonly date: number;
  readonly lastDate: number;
  /** From 0, a Sunday. */
  readonly weekday: number;
}

const words: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const secondMs = 1_000;
const dayMs = 86_400_000;
/** The fifth Monday of a February may be 40 years away, and nothing that ever comes is further. */
const horizonMs = 41 * 366 * dayMs;

/** Reads an expression, or tells what is wrong with it. */
export function readCronRule(expression: string): CronRule | { readonly problem: string } {
  const text = words[expression.trim().toLowerCase()] ?? expression.trim();
  const count = text === "" ? 0 : text.split(/\s+/).length;
  if (text.startsWith("@"))
    return { problem: `must be one of ${Object.keys(words).join(", ")}, or 5 or 6 fields` };
  if (count !== 5 && count !== 6)
    return { problem: `has ${count} fields; it must have 5, or 6 with seconds first` };
  // Which minute is meant would be up to chance.
  if (text.toUpperCase().replaceAll("THU", "").includes("H"))
    return { problem: "must not have H, which stands for any value" };
  try {
    const { fields } = CronExpressionParser.parse(text, { currentDate: new Date(0), tz: "UTC" });
    return {
      seconds: numbersOf(fields.second.values),
      minutes: numbersOf(fields.minute.values),
      hours: numbersOf(fields.hour.values),
      months: new Set(numbersOf(fields.month.values)),
      matchesDay: dayMatcher(fields.dayOfMonth, fields.dayOfWeek),
    };
  } catch (error) {
    return { problem: explain(error) };
  }
}

/** The first local time after another that matches; both as if local time were UTC, in milliseconds. */
export function nextLocalTime(rule: CronRule, after: number): number {
  const from = (Math.floor(after / secondMs) + 1) * secondMs;
  let day = Math.floor(from / dayMs) * dayMs;
  let earliest = (from - day) / secondMs;
  while (day < from + horizonMs) {
    const date = new Date(day);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    const nextMonth = Date.UTC(year, month + 1, 1);
    if (rule.months.has(month + 1)) {
      const lastDate = new Date(nextMonth - dayMs).getUTCDate();
      const isMatch = rule.matchesDay({ date: date.getUTCDate(), lastDate, weekday: date.getUTCDay() });
      const second = isMatch ? nextSecondOfDay(rule, earliest) : undefined;
      if (second !== undefined) return day + second * secondMs;
      day += dayMs;
    } else day = nextMonth;
    earliest = 0;
  }
  throw new Error("a rule was read that never matches");
}

function nextSecondOfDay({ hours, minutes, seconds }: CronRule, earliest: number): number | undefined {
  for (const hour of hours) {
    if (hour * 3_600 + 3_599 < earliest) continue;
    for (const minute of minutes) {
      const start = hour * 3_600 + minute * 60;
      const second = seconds.find((each) => start + each >= earliest);
      if (second !== undefined) return start + second;
    }
  }
  return undefined;
}

type Values = readonly (number | string)[];

/** A field of days, as the parser has read it. */
interface DayField {
  readonly values: Values;
  readonly isWildcard: boolean;
}

/** If both kinds of days are restricted, either will do, as in every cron. */
function dayMatcher(
  dates: DayField,
  weekdays: DayField & { readonly nthDay: number },
): CronRule["matchesDay"] {
  const isDate = ({ date, lastDate }: Day) =>
    dates.values.some((each) => each === date || (each === "L" && date === lastDate));
  const isWeekday = ({ date, lastDate, weekday }: Day) =>
    weekdays.values.some((each) => {
      if (typeof each === "string") return Number.parseInt(each, 10) % 7 === weekday && date + 7 > lastDate;
      return each % 7 === weekday && (weekdays.nthDay === 0 || Math.ceil(date / 7) === weekdays.nthDay);
    });
  if (weekdays.isWildcard) return isDate;
  return dates.isWildcard ? isWeekday : (day) => isDate(day) || isWeekday(day);
}

function numbersOf(values: Values): number[] {
  return values.filter((value) => typeof value === "number");
}

function explain(error: unknown): string {
  const text = String(error);
  return text.includes("Invalid explicit day of month")
    ? "names a day that no month of it has: it never fires"
    : `is no cron expression: ${text.replace(/^Error: /, "")}`;
}
