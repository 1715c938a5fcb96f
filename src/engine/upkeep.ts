/** What time sets going: bounded passes that the loops call, safe on any number of servers at once. */
import { RefusedError } from "../core/errors.js";
import type { Micros } from "../core/run-state.js";
import { whichQueuesAreReady } from "../store/claim.js";
import { countReadyTasks } from "../store/count-ready.js";
import { readIncarnation } from "../store/incarnation.js";
import { overdueInboxes } from "../store/messages.js";
import { dueWakeups } from "../store/wakeups.js";
import { isDatabaseTrouble } from "./database-trouble.js";
import type { Deliveries } from "./deliveries.js";
import type { DueRun, DueRuns } from "./due-runs.js";
import { openListening } from "./listening.js";
import type { EngineMetrics } from "./metrics.js";
import { wakeRun } from "./operations/wake-run.js";
import type { EngineParts } from "./parts.js";
import type { Peers } from "./peers.js";
import { openWorkerRelease } from "./release-workers.js";
import { tidy } from "./tidy.js";

/** The passes. Each resolves with how long it can wait for the next, in milliseconds. */
export interface Upkeep {
  /** Wakes runs whose deadline this server wrote. */
  wakeDueRuns(): Promise<number>;
  /** Calls back when `wakeDueRuns` has something to do earlier than it said. */
  onEarlierDeadline(callback: () => void): void;
  /** Wakes runs that nobody woke in time: those of servers that have gone. */
  wakeOverdueRuns(): Promise<number>;
  /** Lets schedules fire whose time this server wrote. */
  fireSchedules(): Promise<number>;
  /** Calls back when `fireSchedules` has something to do earlier than it said. */
  onEarlierFire(callback: () => void): void;
  /** Lets schedules fire that nobody let fire in time. */
  fireOverdueSchedules(): Promise<number>;
  /** Delivers messages between runs that the server which wrote them has not delivered. */
  deliverOverdue(): Promise<number>;
  /** Looks for ready tasks of queues that polls wait on, whoever made them. */
  pollSlowly(): Promise<void>;
  /** Lets every waiting read look again. */
  rereadAll(): Promise<void>;
  /** Tells other servers that this one is alive, and looks at the database's clock. */
  beat(): Promise<void>;
  /** Writes the heartbeats of workers, and counts ready tasks for the metrics. */
  flushWorkers(): Promise<void>;
  /** Takes back what workers held that are dead. */
  releaseDeadWorkers(): Promise<number>;
  /** Removes what hangs on deleted runs. */
  clearDeletions(): Promise<number>;
  /** Calls back when `clearDeletions` has something to do earlier than it said. */
  onDeleted(callback: () => void): void;
  /** Lets go of the states of runs that have not moved for a while. */
  dropIdleStates(): Promise<void>;
  /** Removes closed runs that are not kept any longer, and what is left of namespaces that are being deleted. */
  expire(): Promise<number>;
  /** Calls back when `expire` has something to do earlier than it said. */
  onDue(callback: () => void): void;
  /** Makes the partitions of history that will be needed, drops those that no run needs any more, and removes rows that nobody asks for any more: of batches, heartbeats, silent workers and copies of histories and requests. */
  tidy(): Promise<void>;
}

/** How much a pass does at the most. */
const maxRunsAtOnce = 500;
/** What another server wrote is left to it for so long. */
const overdueMs = 500;
/** Messages are left to the server that wrote them for so long. */
const undeliveredMs = 2_000;
const longestSleepMs = 60_000;
const longestOverdueSleepMs = 5_000;

/** What the passes work with beside the parts of the engine. */
export interface UpkeepParts {
  readonly due: DueRuns;
  readonly peers: Peers;
  readonly deliveries: Deliveries;
  readonly metrics: EngineMetrics;
}

/** Opens the passes of an engine. */
export function openUpkeep(parts: EngineParts, { due, peers, deliveries, metrics }: UpkeepParts): Upkeep {
  const listening = openListening(parts.clock);

  async function wakeOne(run: DueRun): Promise<void> {
    try {
      const { dueAt, expired } = await wakeRun(parts.commit, run);
      due.note(run, dueAt);
      for (const kind of expired) metrics.leaseExpired(kind);
    } catch (error) {
      // The pass for what is overdue comes back to it.
      if (error instanceof RefusedError || isDatabaseTrouble(error)) return;
      parts.fault("a run could not be woken", error);
    }
  }

  function sleepUntil(at: Micros | undefined, longestMs: number): number {
    if (at === undefined) return longestMs;
    return Math.min(longestMs, Math.max(0, (at - parts.clock.earliest()) / 1_000));
  }

  return {
    async wakeDueRuns() {
      await Promise.all(due.take(parts.clock.earliest(), maxRunsAtOnce).map(wakeOne));
      return Math.ceil(sleepUntil(due.nextAt(), longestSleepMs));
    },
    onEarlierDeadline: due.onEarlier,
    async wakeOverdueRuns() {
      const before = parts.clock.earliest() - overdueMs * 1_000;
      const found = await dueWakeups(parts.database.read, before, maxRunsAtOnce);
      await Promise.all(found.runs.map(wakeOne));
      if (found.runs.length === maxRunsAtOnce) return 0;
      return Math.max(overdueMs, sleepUntil(found.nextAt, longestOverdueSleepMs) + overdueMs);
    },
    fireSchedules: parts.scheduleFires.fireDue,
    onEarlierFire: parts.scheduleFires.onEarlier,
    fireOverdueSchedules: parts.scheduleFires.fireOverdue,
    async deliverOverdue() {
      const before = parts.clock.earliest() - undeliveredMs * 1_000;
      const found = await overdueInboxes(parts.database.read, before, maxRunsAtOnce);
      await Promise.all(found.map((inbox) => deliveries.deliverTo(inbox)));
      return found.length === 0 ? undeliveredMs : 0;
    },
    async pollSlowly() {
      const queues = parts.dispatch.waitingQueues();
      if (queues.length === 0) return;
      const ready = await whichQueuesAreReady(parts.database.read, queues);
      for (const index of ready) {
        const name = queues[index];
        if (name !== undefined) parts.dispatch.madeReady(name);
      }
    },
    rereadAll: async () => parts.watch.allChanged(),
    async beat() {
      const sentAt = parts.clock.steadyNow();
      const { now } = await readIncarnation(parts.database.read);
      parts.clock.observe(sentAt, parts.clock.steadyNow(), now);
      listening.reached();
      await peers.beat();
    },
    async flushWorkers() {
      await parts.workers.flush();
      const { workflow, activity } = await countReadyTasks(parts.database.read);
      metrics.readyTasks("workflow", workflow);
      metrics.readyTasks("activity", activity);
    },
    releaseDeadWorkers: openWorkerRelease(parts, listening, metrics),
    clearDeletions: parts.deletions.clear,
    onDeleted: parts.deletions.onDeleted,
    async dropIdleStates() {
      parts.cache.dropIdle();
      metrics.cacheSize(parts.cache.entries(), parts.cache.bytes());
    },
    expire: parts.retention.expire,
    onDue: parts.retention.onDue,
    tidy: () => tidy(parts),
  };
}
