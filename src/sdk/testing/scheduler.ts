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
  /** Runs that have something ready, in the order in which they got it. */
  const ready = new Set<string>();
  const changes = createChanges(waiters);
  const between = createQueue(failed.signal);
  const endOfTime = Math.min(clock.now + longest, latestTime);
  let isRunning = false;
  let isKicked = false;
  let deadlockTimer: NodeJS.Timeout | undefined;

  async function run(): Promise<void> {
    while (!failed.signal.aborted) {
      isKicked = false;
      world.deliver();
      const isDone = await doNext();
      changes.tell();
      if (isDone) continue;
      // The test, or an activity that has just been told something, goes on first.
      await turnOfEventLoop();
      if (isKicked || ready.size > 0 || (await between.doNext())) continue;
      if (activityCode.isBusy || parts.isBusy()) return;
      if (waiters.lookAt(quiet) || clock.wakeOne() || world.wakeDue()) continue;
      if (waiters.byTest.length === 0) return;
      if (!passTime(parts, endOfTime)) {
        deadlockTimer = setTimeout(tellDeadlock, deadlockAfterMs);
        return;
      }
    }
  }

  /** Does the next thing that is ready. False if nothing is. */
  async function doNext(): Promise<boolean> {
    const [runId] = ready;
    if (runId === undefined) return false;
    ready.delete(runId);
    const run = world.run(runId);
    if (hasReadyTask(run, clock.now)) await workflowCode.runTask(runId);
    activityCode.startReady(world.run(runId));
    return true;
  }

  function tellDeadlock(): void {
    waiters.failAll(new DeadlockError(describeDeadlock({ ...parts, waiting: waiters.byTest, endOfTime })));
  }

  function kick(): void {
    isKicked = true;
    clearTimeout(deadlockTimer);
    if (isRunning) return;
    isRunning = true;
    const ended = run().catch(fail);
    void ended.then(() => {
      isRunning = false;
      if (isKicked && !failed.signal.aborted) kick();
    });
  }

  function fail(error: Error): void {
    if (failed.signal.aborted) return;
    clearTimeout(deadlockTimer);
    failed.abort(error);
    waiters.failAll(error);
  }

  return {
    kick,
    fail,
    changed(run) {
      const { runId } = run;
      if (hasReadyTask(run, clock.now) || hasReadyActivity(run, clock.now)) ready.add(runId);
      else ready.delete(runId);
      changes.note(run.workflowId);
      kick();
    },
    betweenTasks(work) {
      const done = between.add(work);
      kick();
      return done;
    },
  };
}

function hasReadyTask({ workflowTask: task }: RunState, now: number): boolean {
  return task !== undefined && task.lease === undefined && task.readyAt <= now;
}

function hasReadyActivity({ activities }: RunState, now: number): boolean {
  for (const { lease, readyAt } of activities.values())
    if (lease === undefined && readyAt <= now) return true;
  return false;
}

/** What has changed: told to those who wait once the task that runs is over, and its code checked. */
function createChanges(waiters: Waiters) {
  const changed = new Set<string>();
  return {
    note: (workflowId: string) => void changed.add(workflowId),
    tell() {
      const ids = [...changed];
      changed.clear();
      for (const workflowId of ids) waiters.lookAt(workflowId);
    },
  };
}

/** Goes on to the next point in time at which something happens. False if there is none. */
function passTime({ world, clock, activityCode }: SchedulerParts, endOfTime: number): boolean {
  const next = Math.min(world.nextDue() ?? endOfTime, clock.nextWaking ?? endOfTime);
  if (next >= endOfTime) return false;
  clock.moveTo(next);
  activityCode.endLate();
  world.wakeDue();
  return true;
}

/** Work that waits for its turn, until all is over. */
function createQueue(over: AbortSignal) {
  const queue: (() => Promise<unknown>)[] = [];
  return {
    add: <T>(work: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        if (over.aborted) return reject(over.reason);
        const cut = () => reject(over.reason);
        over.addEventListener("abort", cut);
        const end = () => over.removeEventListener("abort", cut);
        queue.push(() => work().then(resolve, reject).finally(end));
      }),
    /** Does the next piece of work. False if there is none. */
    async doNext(): Promise<boolean> {
      const next = queue.shift();
      await next?.();
      return next !== undefined;
    },
  };
}

function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
