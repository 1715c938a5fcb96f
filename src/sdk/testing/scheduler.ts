/** What an environment does next: all that can be done now, and only then does time go on. */
import type { RunState } from "../../core/run-state.js";
import { latestTime } from "../../core/time.js";
import type { ActivityCode } from "./activity-code.js";
import type { Clock } from "./clock.js";
import { describeDeadlock } from "./describe-deadlock.js";
import { DeadlockError } from "./errors.js";
import type { Waiters } from "./waiters.js";
import type { WorkflowCode } from "./workflow-code.js";
import type { World } from "./world.js";

/** Keeps an environment going. */
export interface Scheduler {
  /** Something has happened that may make something else possible. */
  kick(): void;
  /** A run changed, and may have tasks that are ready. */
  changed(run: RunState): void;
  /** Does work when no workflow task is left that is ready, and none until it is done. */
  betweenTasks<T>(work: () => Promise<T>): Promise<T>;
  /** Stops all for good, since something is wrong; whoever waits is told. Only the first call counts. */
  fail(error: Error): void;
}

/** The place at which those wait who want all to be done that can be done now. */
export const quiet = " quiet";

/** What scheduling needs. */
export interface SchedulerParts {
  readonly world: World;
  readonly clock: Clock;
  readonly workflowCode: WorkflowCode;
  readonly activityCode: ActivityCode;
  readonly waiters: Waiters;
  /** Whether something of the test runs that is no activity. */
  isBusy(): boolean;
  /** Aborted with what is wrong. */
  readonly failed: AbortController;
}

/** How long nothing must happen before those who wait are told that nothing will: the test may be doing something else meanwhile. */
const deadlockAfterMs = 100;
/** How far time goes in one environment before something must be wrong, in microseconds: 100 years. */
const longest = 100 * 365 * 86_400 * 1_000_000;

/** Makes a scheduler that has nothing to do yet. */
export function createScheduler(parts: SchedulerParts): Scheduler {
  const { world, clock, workflowCode, activityCode, waiters, failed } = parts;
  /** Runs that may have something ready, in the order in which they got it. */
  const ready = new Set<string>();
  const endOfTime = Math.min(clock.now + longest, latestTime);
  const between: { run(): Promise<void>; fail(error: unknown): void }[] = [];
  let isRunning = false;
  let isKicked = false;
  let deadlockTimer: NodeJS.Timeout | undefined;

  function fail(error: Error): void {
    if (failed.signal.aborted) return;
    failed.abort(error);
    waiters.failAll(error);
    for (const { fail } of between.splice(0)) fail(error);
  }

  async function run(): Promise<void> {
    while (!failed.signal.aborted) {
      isKicked = false;
      world.deliver();
      if (await doNext()) continue;
      // The test, or an activity that has just been told something, goes on first.
      await turnOfEventLoop();
      if (isKicked || ready.size > 0) continue;
      const work = between.shift();
      if (work !== undefined) {
        await work.run();
        continue;
      }
      if (activityCode.isBusy || parts.isBusy()) return;
      if (waiters.lookAt(quiet)) continue;
      if (clock.wakeOne() || world.wakeDue()) continue;
      if (waiters.byTest.length === 0) return;
      if (!skip()) {
        deadlockTimer = setTimeout(tellDeadlock, deadlockAfterMs);
        return;
      }
    }
  }

  /** Does the next thing that is ready. False if nothing is. */
  async function doNext(): Promise<boolean> {
    for (const runId of ready) {
      const { workflowTask: task, activities } = world.run(runId);
      const isReady = task !== undefined && task.lease === undefined && task.readyAt <= clock.now;
      if (isReady) {
        await workflowCode.runTask(runId);
        return true;
      }
      ready.delete(runId);
      if (activities.size > 0 && activityCode.startReady(world.run(runId))) return true;
    }
    return false;
  }

  /** Goes on to the next point in time at which something happens. False if there is none. */
  function skip(): boolean {
    const next = Math.min(world.nextDue() ?? endOfTime, clock.nextWaking ?? endOfTime);
    if (next >= endOfTime) return false;
    clock.moveTo(next);
    activityCode.endLate();
    world.wakeDue();
    return true;
  }

  function tellDeadlock(): void {
    waiters.failAll(new DeadlockError(describeDeadlock({ ...parts, waiting: waiters.byTest, endOfTime })));
  }

  const scheduler: Scheduler = {
    kick() {
      isKicked = true;
      clearTimeout(deadlockTimer);
      if (isRunning) return;
      isRunning = true;
      run()
        .catch(fail)
        .finally(() => {
          isRunning = false;
          if (isKicked && !failed.signal.aborted) scheduler.kick();
        });
    },
    changed({ runId, workflowId }) {
      ready.add(runId);
      waiters.lookAt(workflowId);
      scheduler.kick();
    },
    betweenTasks: (work) =>
      new Promise((resolve, reject) => {
        if (failed.signal.aborted) return reject(failed.signal.reason);
        between.push({ run: () => work().then(resolve, reject), fail: reject });
        scheduler.kick();
      }),
    fail,
  };
  return scheduler;
}

function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
