/** Which schedules could not fire, why, and when each is tried again. What is known is what this server has tried. */
import type { Micros } from "../core/run-state.js";
import type { ScheduleName } from "../core/schedules/schedule-state.js";

/** A schedule as it was when it could not fire. Once it was changed, or has gone on, what was wrong is no longer. */
export interface TriedSchedule extends ScheduleName {
  readonly revision: number;
  readonly nextFireAt: Micros | undefined;
}

/** The schedules that could not fire. */
export interface ScheduleTroubles {
  /** Notes that one could not fire. False: that is nothing new. */
  note(schedule: TriedSchedule, reason: string): boolean;
  /** Why one could not fire when it was last tried. */
  reasonOf(schedule: TriedSchedule): string | undefined;
  /** Whether one could not fire, and is not to be tried again yet. */
  isHeldBack(schedule: TriedSchedule): boolean;
  /** It has gone on. */
  forget(schedule: ScheduleName): void;
}

interface Trouble extends TriedSchedule {
  readonly reason: string;
  readonly pause: Micros;
  readonly retryAt: Micros;
}

/** Of more than this, those that were noted first are forgotten, and so tried again. */
const mostTroubles = 10_000;
const firstPause: Micros = 1_000_000;
const longestPause: Micros = 3_600_000_000;

/** Opens an empty list of them. */
export function openScheduleTroubles(now: () => Micros): ScheduleTroubles {
  const troubles = new Map<string, Trouble>();

  function find(schedule: TriedSchedule): Trouble | undefined {
    const known = troubles.get(keyOf(schedule));
    const isSame = known?.revision === schedule.revision && known.nextFireAt === schedule.nextFireAt;
    return isSame ? known : undefined;
  }

  return {
    note({ namespaceId, scheduleId, revision, nextFireAt }, reason) {
      const tried = { namespaceId, scheduleId, revision, nextFireAt };
      const known = find(tried);
      const pause = known === undefined ? firstPause : Math.min(2 * known.pause, longestPause);
      const key = keyOf(tried);
      troubles.delete(key);
      troubles.set(key, { ...tried, reason, pause, retryAt: now() + pause });
      const [oldest] = troubles.keys();
      if (troubles.size > mostTroubles && oldest !== undefined) troubles.delete(oldest);
      return known?.reason !== reason;
    },
    reasonOf: (schedule) => find(schedule)?.reason,
    isHeldBack: (schedule) => (find(schedule)?.retryAt ?? 0) > now(),
    forget: (schedule) => void troubles.delete(keyOf(schedule)),
  };
}

function keyOf({ namespaceId, scheduleId }: ScheduleName): string {
  return `${namespaceId}/${scheduleId}`;
}
