/** When a schedule must fire, found by looking at every minute and every second there is. */
import { type LocalMinute, readWallClock } from "./wall-clock.js";

/** A cron expression, and what it means. */
export interface CronModel {
  readonly text: string;
  readonly seconds: readonly number[];
  readonly isOfEveryHour: boolean;
  readonly matches: (minute: LocalMinute) => boolean;
}

/** A spec, and what it means. Times are in milliseconds. */
export interface SpecModel {
  readonly cron: readonly CronModel[];
  readonly intervals: readonly { readonly everySeconds: number; readonly offsetMs: number }[];
  readonly timeZone: string;
  readonly startAt: number | undefined;
  readonly endAt: number | undefined;
  readonly jitterMs: number;
}

/** All that a test looks at lies between these, in milliseconds, whole minutes. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The times of a spec that lie behind one point and not behind another, ascending. */
export function timesBetween(spec: SpecModel, span: Span, after: number, to: number): number[] {
  const named = new Set<number>();
  for (const rule of spec.cron) for (const at of cronTimes(rule, spec, span, after, to)) named.add(at);
  for (const interval of spec.intervals) for (const at of intervalTimes(interval, after, to)) named.add(at);
  const isIn = (at: number) =>
    at > after &&
    at < span.to &&
    at <= to &&
    (spec.startAt === undefined || at >= spec.startAt) &&
    (spec.endAt === undefined || at < spec.endAt);
  return [...named].filter(isIn).sort((a, b) => a - b);
}

/** Found by trying one second after another. */
function intervalTimes(
  { everySeconds, offsetMs }: SpecModel["intervals"][number],
  after: number,
  to: number,
): number[] {
  const times: number[] = [];
  const isTime = (at: number) => (at - offsetMs) % (everySeconds * 1_000) === 0;
  let at = (Math.floor(after / 1_000) - 1) * 1_000 + (offsetMs % 1_000);
  while (!isTime(at)) at += 1_000;
  for (; at <= to; at += everySeconds * 1_000) times.push(at);
  return times;
}

/** The first times of a spec behind a point, as far as the span goes. */
export function firstTimes(spec: SpecModel, span: Span, after: number, count: number): number[] {
  const found: number[] = [];
  for (let from = after, hours = 1; from < span.to && found.length < count; hours *= 2) {
    const to = Math.min(span.to, from + hours * 3_600_000);
    found.push(...timesBetween(spec, span, from, to).slice(0, count));
    from = to;
  }
  return found.slice(0, count);
}

function cronTimes(
  rule: CronModel,
  { timeZone }: SpecModel,
  span: Span,
  after: number,
  to: number,
): number[] {
  const { minutes, leftOut } = readWallClock(timeZone, span.from, span.to);
  const indexOf = (at: number) => Math.max(0, Math.floor((at - span.from) / 60_000));
  const seen = minutes.slice(indexOf(after), indexOf(to) + 1);
  // Every hour: whenever clocks show it. Else: once for each local time that is named, whether clocks show it once, twice or never.
  const chosen = rule.isOfEveryHour ? seen : [...seen.filter(({ isRepeated }) => !isRepeated), ...leftOut];
  return chosen.filter(rule.matches).flatMap(({ at }) => rule.seconds.map((second) => at + second * 1_000));
}
