/** The loops of a server. */
import type { Logger } from "../engine/logger.js";
import type { Upkeep } from "../engine/upkeep.js";
import { type Loop, type LoopOptions, startLoop } from "./loop.js";

/** How often what nobody announced is looked for. 0 turns a loop off. */
export interface LoopTimes {
  readonly slowPollMs: number;
  readonly rereadMs: number;
}

const workerFlushMs = 10_000;
const beatMs = 5_000;
const tidyMs = 10 * 60_000;
const retryMs = 1_000;
/** Schedules fire by the second; those of a twentieth of one fire in one batch, whose runs then go through the same batches, too. */
const firePauseMs = 50;
const gently: Pace = { isGentle: true };

type Pace = Pick<LoopOptions, "pauseMs" | "isGentle">;

/** Starts all loops. The returned function stops them and resolves when all are over. */
export function startLoops(upkeep: Upkeep, times: LoopTimes, logger: Logger): () => Promise<void> {
  const loops: Loop[] = [];
  function every(everyMs: number, what: string, pass: () => Promise<unknown>, pace: Pace = {}): Loop {
    const failed = (error: unknown) => logger.warn(`${what} failed and will be tried again`, { error });
    const loop = startLoop({ pass, everyMs, ...pace, failed });
    loops.push(loop);
    return loop;
  }

  const wakeDue = every(retryMs, "waking runs", upkeep.wakeDueRuns);
  upkeep.onEarlierDeadline(() => wakeDue.wake());
  const fireDue = every(retryMs, "letting schedules fire", upkeep.fireSchedules, { pauseMs: firePauseMs });
  upkeep.onEarlierFire(() => fireDue.wake());
  const clear = every(retryMs, "removing what is left of deleted runs", upkeep.clearDeletions, gently);
  upkeep.onDeleted(() => clear.wake());
  const expire = every(retryMs, "removing runs that are kept no longer", upkeep.expire, gently);
  upkeep.onDue(() => expire.wake());
  every(retryMs, "waking overdue runs", upkeep.wakeOverdueRuns);
  every(retryMs, "letting overdue schedules fire", upkeep.fireOverdueSchedules);
  every(retryMs, "delivering overdue messages", upkeep.deliverOverdue);
  every(retryMs, "taking back the tasks of dead workers", upkeep.releaseDeadWorkers);
  every(beatMs, "the heartbeat of this server", upkeep.beat);
  every(beatMs, "letting go of idle states", upkeep.dropIdleStates);
  every(workerFlushMs, "writing worker heartbeats", upkeep.flushWorkers);
  every(tidyMs, "tidying up", upkeep.tidy);
  const { slowPollMs, rereadMs } = times;
  if (slowPollMs > 0) every(slowPollMs, "looking for ready tasks", upkeep.pollSlowly);
  if (rereadMs > 0) every(rereadMs, "reading again", upkeep.rereadAll);
  return async () => {
    await Promise.all(loops.map((loop) => loop.stop()));
  };
}
