/** The loops of a server. */
import type { Logger } from "../engine/logger.js";
import type { Upkeep } from "../engine/upkeep.js";
import { type Loop, startLoop } from "./loop.js";

/** How often what nobody announced is looked for. 0 turns a loop off. */
export interface LoopTimes {
  readonly slowPollMs: number;
  readonly rereadMs: number;
}

const workerFlushMs = 10_000;
const beatMs = 5_000;
const tidyMs = 10 * 60_000;
const retryMs = 1_000;

/** Starts all loops. The returned function stops them and resolves when all are over. */
export function startLoops(upkeep: Upkeep, times: LoopTimes, logger: Logger): () => Promise<void> {
  const failed = (what: string) => (error: unknown) =>
    logger.warn(`${what} failed and will be tried again`, { error });
  const wakeDue = startLoop({
    pass: () => upkeep.wakeDueRuns(),
    everyMs: retryMs,
    failed: failed("waking runs"),
  });
  upkeep.onEarlierDeadline(() => wakeDue.wake());
  const fireSchedules = startLoop({
    pass: () => upkeep.fireSchedules(),
    everyMs: retryMs,
    failed: failed("letting schedules fire"),
  });
  upkeep.onEarlierFire(() => fireSchedules.wake());
  const clearDeletions = startLoop({
    pass: () => upkeep.clearDeletions(),
    everyMs: retryMs,
    failed: failed("removing what is left of deleted runs"),
  });
  upkeep.onDeleted(() => clearDeletions.wake());
  const loops: Loop[] = [
    wakeDue,
    fireSchedules,
    clearDeletions,
    startLoop({
      pass: () => upkeep.fireOverdueSchedules(),
      everyMs: retryMs,
      failed: failed("letting overdue schedules fire"),
    }),
    startLoop({
      pass: () => upkeep.wakeOverdueRuns(),
      everyMs: retryMs,
      failed: failed("waking overdue runs"),
    }),
    startLoop({
      pass: () => upkeep.deliverOverdue(),
      everyMs: retryMs,
      failed: failed("delivering overdue messages"),
    }),
    startLoop({ pass: () => upkeep.beat(), everyMs: beatMs, failed: failed("the heartbeat of this server") }),
    startLoop({
      pass: () => upkeep.flushWorkers(),
      everyMs: workerFlushMs,
      failed: failed("writing worker heartbeats"),
    }),
    startLoop({
      pass: () => upkeep.releaseDeadWorkers(),
      everyMs: retryMs,
      failed: failed("taking back the tasks of dead workers"),
    }),
    startLoop({ pass: () => upkeep.tidy(), everyMs: tidyMs, failed: failed("tidying up") }),
  ];
  const { slowPollMs, rereadMs } = times;
  if (slowPollMs > 0) {
    loops.push(
      startLoop({
        pass: () => upkeep.pollSlowly(),
        everyMs: slowPollMs,
        failed: failed("looking for ready tasks"),
      }),
    );
  }
  if (rereadMs > 0)
    loops.push(
      startLoop({ pass: () => upkeep.rereadAll(), everyMs: rereadMs, failed: failed("reading again") }),
    );
  return async () => {
    await Promise.all(loops.map((loop) => loop.stop()));
  };
}
