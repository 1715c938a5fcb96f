/**
 * The points in time that a cron rule names in a time zone.
 *
 * A rule of certain hours fires once for each local time that it names: at the first of two when clocks are set back, and, for a local time that is
 * skipped when they are set forward, when it would have been by the time before. A rule of every hour fires whenever the clock on the wall matches.
 */
import { type CronRule, nextLocalTime } from "./cron-rule.js";
import type { Zone } from "./zone.js";

const dayMs = 86_400_000;
const weekMs = 7 * dayMs;
/** Clocks are not moved by more than this at once. */
const mostShiftMs = 3 * 3_600_000;

/** The first time after another; both in milliseconds. */
export function nextCronTime(rule: CronRule, zone: Zone, after: number): number {
  return rule.hours.length === 24
    ? nextOfEveryHour(rule, zone, after)
    : nextOfCertainHours(rule, zone, after);
}

function nextOfEveryHour(rule: CronRule, zone: Zone, after: number): number {
  let from = after;
  let offset = zone.offsetAt(from);
  for (;;) {
    const local = nextLocalTime(rule, from + offset);
    const changedAt = findChange(zone, from, local - offset, offset);
    if (changedAt === undefined) return local - offset;
    from = changedAt - 1;
    offset = zone.offsetAt(changedAt);
  }
}

/** The first time, up to another, at which the offset is not the given one any more. */
function findChange(zone: Zone, from: number, to: number, offset: number): number | undefined {
  let before = from;
  while (before < to) {
    const probe = Math.min(before + weekMs, to);
    if (zone.offsetAt(probe) !== offset) return firstChanged(zone, before, probe, offset);
    before = probe;
  }
  return undefined;
}

function firstChanged(zone: Zone, unchanged: number, changed: number, offset: number): number {
  let [low, high] = [unchanged, changed];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (zone.offsetAt(middle) === offset) low = middle;
    else high = middle;
  }
  return high;
}

/** Around a change local times do not come in order, so all that may be the next are looked at. */
function nextOfCertainHours(rule: CronRule, zone: Zone, after: number): number {
  let best: number | undefined;
  let local = nextLocalTime(rule, after + Math.min(...offsetsAround(zone, after)));
  for (;;) {
    if (best !== undefined && local - Math.max(...offsetsAround(zone, best)) > best) return best;
    const at = pointOf(zone, local);
    if (at > after && (best === undefined || at < best)) best = at;
    local = nextLocalTime(rule, local);
  }
}

function offsetsAround(zone: Zone, at: number): number[] {
  return [zone.offsetAt(at - mostShiftMs), zone.offsetAt(at), zone.offsetAt(at + mostShiftMs)];
}

/** When it is this local time. */
function pointOf(zone: Zone, local: number): number {
  const before = zone.offsetAt(local - dayMs);
  const behind = zone.offsetAt(local + dayMs);
  const isBehind = zone.offsetAt(local - before) !== before && zone.offsetAt(local - behind) === behind;
  return local - (isBehind ? behind : before);
}
