/**
 * Schedules go on: when they are due, and when their runs end. Any server may try; the one that writes the schedule first, with the run that starts, has
 * fired for that time.
 */

import { RefusedError } from "../core/errors.js";
import type { Micros } from "../core/run-state.js";
import { advanceSchedule } from "../core/schedules/advance.js";
import type { ScheduleName } from "../core/schedules/schedule-state.js";
import { dueSchedules } from "../store/schedules.js";
import type { Queryable } from "../store/statement.js";
import type { Clock } from "./clock.js";
import type { GroupCommit } from "./commit/group-commit.js";
import { isDatabaseTrouble } from "./database-trouble.js";
import { openDueQueue } from "./due-queue.js";

/** Lets schedules go on. */
export interface ScheduleFires {
  /** Notes when a schedule that this server has written is due. */
  note(schedule: ScheduleName, dueAt: Micros | undefined): void;
  /** One step of a schedule. Answers how many messages it took in. */
  advance(schedule: ScheduleName): Promise<number>;
  /** Fires what this server knows to be due. Answers for how many milliseconds nothing else is. */
  fireDue(): Promise<number>;
  /** Fires what nobody fired in time: the schedules of servers that have gone. */
  fireOverdue(): Promise<number>;
  /** Calls back when `fireDue` has something to do earlier than it said. */
  onEarlier(callback: () => void): void;
  size(): number;
}

/** What firing works with. */
export interface ScheduleFiresParts {
  readonly read: Queryable;
  readonly clock: Clock;
  readonly commit: GroupCommit;
  fault(message: string, error: unknown): void;
}

/** So many schedules are kept in memory; the others fire by what the database says, half a second late. */
const mostInMemory = 100_000;
/** So many go on at once. */
const mostAtOnce = 200;
/** What another server has written is left to it for so long. */
const overdueMs = 500;
const longestSleepMs = 60_000;
const longestOverdueSleepMs = 5_000;

/** Opens firing over group commit. */
export function openScheduleFires({ read, clock, commit, fault }: ScheduleFiresParts): ScheduleFires {
  const due = openDueQueue<ScheduleName>(mostInMemory, {
    keyOf: ({ namespaceId, scheduleId }) => `${namespaceId}/${scheduleId}`,
    nameOf: ({ namespaceId, scheduleId }) => ({ namespaceId, scheduleId }),
  });

  function advance({ namespaceId, scheduleId }: ScheduleName): Promise<number> {
    return commit.submitToSchedule({
      ...{ namespaceId, scheduleId },
      bytes: 2_000,
      ...{ isDue: true, isOwed: true, takesMessages: true },
      decide: (state, { messages, context }) => ({
        ...advanceSchedule(state, messages, context),
        outcome: messages.length,
      }),
    });
  }

  /** The pass for what is overdue comes back to what could not be done. */
  async function tryToAdvance(schedule: ScheduleName): Promise<void> {
    try {
      await advance(schedule);
    } catch (error) {
      if (!(error instanceof RefusedError) && !isDatabaseTrouble(error))
        fault("a schedule could not fire", error);
    }
  }

  function sleepUntil(at: Micros | undefined, longestMs: number): number {
    if (at === undefined) return longestMs;
    return Math.min(longestMs, Math.max(0, Math.ceil((at - clock.earliest()) / 1_000)));
  }

  return {
    note: due.note,
    advance,
    async fireDue() {
      await Promise.all(due.take(clock.earliest(), mostAtOnce).map(tryToAdvance));
      return sleepUntil(due.nextAt(), longestSleepMs);
    },
    async fireOverdue() {
      const { schedules, nextAt } = await dueSchedules(
        read,
        clock.earliest() - overdueMs * 1_000,
        mostAtOnce,
      );
      await Promise.all(schedules.map(tryToAdvance));
      if (schedules.length === mostAtOnce) return 0;
      return Math.max(overdueMs, sleepUntil(nextAt, longestOverdueSleepMs) + overdueMs);
    },
    onEarlier: due.onEarlier,
    size: due.entries,
  };
}
