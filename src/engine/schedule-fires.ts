/**
 * Schedules go on: when they are due, and when their runs end. Any server may try; the one that writes the schedule first, with the run that starts, has
 * fired for that time.
 */

import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";
import type { Micros } from "../core/run-state.js";
import { advanceSchedule, hearRunEnds } from "../core/schedules/advance.js";
import type { ScheduleName, ScheduleState } from "../core/schedules/schedule-state.js";
import { type DueSchedule, dueSchedules } from "../store/schedules.js";
import type { Queryable } from "../store/statement.js";
import type { Clock } from "./clock.js";
import { type GroupCommit, NotStoredError } from "./commit/group-commit.js";
import { isDatabaseTrouble } from "./database-trouble.js";
import { openDueQueue } from "./due-queue.js";
import type { Logger } from "./logger.js";
import { openScheduleTroubles, type TriedSchedule } from "./schedule-troubles.js";

/** Lets schedules go on. */
export interface ScheduleFires {
  /** Notes when a schedule that this server has written is due. */
  note(schedule: ScheduleName, dueAt: Micros | undefined): void;
  /** One step of a schedule; one that could not fire a moment ago takes in messages alone. Answers how many it took in. */
  advance(schedule: ScheduleName): Promise<number>;
  /** Fires what this server knows to be due. Answers for how many milliseconds nothing else is. */
  fireDue(): Promise<number>;
  /** Fires what nobody fired in time: the schedules of servers that have gone. */
  fireOverdue(): Promise<number>;
  /** Calls back when `fireDue` has something to do earlier than it said. */
  onEarlier(callback: () => void): void;
  /** Why a schedule could not fire when this server last tried. */
  reasonOf(schedule: TriedSchedule): string | undefined;
  size(): number;
}

/** What firing works with. */
export interface ScheduleFiresParts {
  readonly read: Queryable;
  readonly clock: Clock;
  readonly commit: GroupCommit;
  fault(message: string, error: unknown): void;
  warn: Logger["warn"];
}

/** So many schedules are kept in memory; the others fire by what the database says, half a second late. */
const mostInMemory = 100_000;
/** So many go on at once: what is decided together keeps whoever comes meanwhile waiting. */
const mostAtOnce = 64;
/** So often in one pass. */
const mostRounds = 8;
/** What another server has written is left to it for so long. */
const overdueMs = 500;
/** What is told of what nobody foresaw. */
const unknownReason = "the server failed to fire it; its log has the cause";
const longestSleepMs = 60_000;
const longestOverdueSleepMs = 5_000;

/** Opens firing over group commit. */
export function openScheduleFires({ read, clock, commit, fault, warn }: ScheduleFiresParts): ScheduleFires {
  const due = openDueQueue<ScheduleName>(mostInMemory, {
    keyOf: ({ namespaceId, scheduleId }) => `${namespaceId}/${scheduleId}`,
    nameOf: ({ namespaceId, scheduleId }) => ({ namespaceId, scheduleId }),
  });
  const troubles = openScheduleTroubles(clock.earliest);
  /** Where the pass for what is overdue goes on: it goes through all of it, so that what can't fire is in the way of nothing behind it. */
  let lastOverdue: DueSchedule | undefined;

  async function advance({ namespaceId, scheduleId }: ScheduleName): Promise<number> {
    let tried: ScheduleState | undefined;
    try {
      const heard = await commit.submitToSchedule({
        ...{ namespaceId, scheduleId },
        bytes: 2_000,
        ...{ isDue: true, isOwed: true, takesMessages: true, tellsFaults: true },
        decide(state, { messages, context }) {
          tried = state;
          const isHeldBack = state !== undefined && troubles.isHeldBack(state);
          const transition = isHeldBack
            ? hearRunEnds(state, messages, context)
            : advanceSchedule(state, messages, context);
          return { ...transition, outcome: { count: messages.length, isHeldBack } };
        },
      });
      if (!heard.isHeldBack) troubles.forget({ namespaceId, scheduleId });
      return heard.count;
    } catch (error) {
      if (tried === undefined || isPassing(error)) throw error;
      tellTrouble(tried, error);
      return 0;
    }
  }

  function tellTrouble(schedule: ScheduleState, error: unknown): void {
    const { namespaceId, scheduleId } = schedule;
    const reason = error instanceof RefusedError ? error.message : unknownReason;
    if (!troubles.note(schedule, reason)) return;
    const isKnown = error instanceof RefusedError && !(error instanceof NotStoredError);
    const cause = error instanceof NotStoredError ? error.cause : error;
    warn("a schedule can't fire", { namespaceId, scheduleId, reason, ...(isKnown ? {} : { error: cause }) });
  }

  /** The pass for what is overdue comes back to what could not be done. */
  async function tryToAdvance(schedule: ScheduleName): Promise<void> {
    try {
      await advance(schedule);
    } catch (error) {
      if (!isPassing(error)) fault("a schedule could not be read", error);
    }
  }

  function sleepUntil(at: Micros | undefined, longestMs: number): number {
    if (at === undefined) return longestMs;
    return Math.min(longestMs, Math.max(0, Math.ceil((at - clock.earliest()) / 1_000)));
  }

  return {
    note: due.note,
    advance,
    reasonOf: troubles.reasonOf,
    async fireDue() {
      for (let isFull = true, round = 0; isFull && round < mostRounds; round++) {
        const taken = due.take(clock.earliest(), mostAtOnce);
        await Promise.all(taken.map(tryToAdvance));
        isFull = taken.length === mostAtOnce;
      }
      return sleepUntil(due.nextAt(), longestSleepMs);
    },
    async fireOverdue() {
      const by = clock.earliest() - overdueMs * 1_000;
      const { schedules, nextAt } = await dueSchedules(read, { by, after: lastOverdue, limit: mostAtOnce });
      lastOverdue = schedules.length === mostAtOnce ? schedules.at(-1) : undefined;
      const ripe = schedules.filter((due) => !troubles.isHeldBack({ ...due, nextFireAt: due.dueAt }));
      await Promise.all(ripe.map(tryToAdvance));
      if (lastOverdue !== undefined) return 0;
      return Math.max(overdueMs, sleepUntil(nextAt, longestOverdueSleepMs) + overdueMs);
    },
    onEarlier: due.onEarlier,
    size: due.entries,
  };
}

/** Nothing is wrong with the schedule: the database or this server can't do it now. */
function isPassing(error: unknown): boolean {
  return (
    isDatabaseTrouble(error) || (error instanceof RefusedError && error.reason === ErrorReason.SHUTTING_DOWN)
  );
}
