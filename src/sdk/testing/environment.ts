/** An environment for tests of workflows: no server, and time that passes as fast as it can. */
import { type ConnectedClient, clientOf } from "../client/client.js";
import { type Duration, toMs } from "../duration.js";
import { watchRejections } from "../rejections.js";
import { silentLog } from "../replay/log.js";
import type { ActivityContext } from "../worker/activity-context.js";
import type { ActivityImplementations } from "../workflow/activities.js";
import type { WorkflowLogger } from "../workflow/logger.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { type ActivityCall, createActivityCode } from "./activity-code.js";
import { type Actor, currentActor, runAsActor } from "./actors.js";
import { answersOf } from "./answers.js";
import { createClock } from "./clock.js";
import { TestSetupError } from "./errors.js";
import { type MockedWorkflows, mockedCode } from "./mocks.js";
import { rpcOf } from "./rpc.js";
import { createScheduler, quiet, type Scheduler } from "./scheduler.js";
import { createWaiters } from "./waiters.js";
import { createWorkflowCode, type ReplayCheck } from "./workflow-code.js";
import { createWorld } from "./world.js";

/** How to make an environment. */
export interface TestEnvironmentOptions<A extends ActivityImplementations = ActivityImplementations> {
  /** The workflows that run in it, children included. */
  readonly workflows?: readonly WorkflowDefinition<never, unknown>[];
  /** The activities, by type: real ones, or functions of the test. */
  readonly activities?: A;
  /** What stands in for workflows, by type. */
  readonly mockedWorkflows?: MockedWorkflows;
  /** The time at which it begins. Default: now. */
  readonly startTime?: Date | string;
  /**
   * When the code of a run is gone through again from its beginning, to find what does not do the same again. Default "always": at each of its first workflow tasks, as if
   * the worker had been restarted between them, at ever fewer of the later ones, and when it ends. "at-end": when it ends, or the environment is closed.
   */
  readonly replay?: ReplayCheck;
  /** What workflow code says by `ctx.log` goes here. Default: nowhere. */
  readonly workflowLogger?: WorkflowLogger;
  /** The namespace. Default "main". */
  readonly namespace?: string;
}

/**
 * Runs workflows in memory, by the rules and the replay of real ones. Time stands still while anything runs. It goes on to the next timer, timeout or retry only while
 * the test waits for something of the environment: a result, the answer of an update, or a time.
 */
export interface TestEnvironment<A extends ActivityImplementations = ActivityImplementations>
  extends Pick<ConnectedClient, "start" | "execute" | "handle"> {
  /** A client as of a real server, for code that takes one. What the environment can't do is refused with NOT_IMPLEMENTED. */
  readonly client: ConnectedClient;
  /** All attempts at activities so far, in the order in which they began. */
  readonly activityCalls: readonly ActivityCall[];
  /** The time. */
  now(): Date;
  /** Lets so much time pass. In an activity it is the activity that takes so long. */
  sleep(duration: Duration): Promise<void>;
  /** Does something after so much time, while the test waits for something else. Time stands still until it is done; what it throws fails whatever the test waits for. */
  after(duration: Duration, action: () => unknown): void;
  /** Resolves once all has been done that can be done without time passing, activities included. */
  idle(): Promise<void>;
  /** Puts another function in the place of an activity, from its next attempt on. Throws a TestSetupError if there is none of that type. */
  replaceActivity<K extends keyof A & string>(type: K, activity: Replacement<A[K]>): void;
  /** Ends it: checks the replay of runs that are still open, and aborts what runs. Throws what went wrong if the test was not told. May be called twice. */
  close(): Promise<void>;
}

/**
 * What may stand in the place of an activity.
 *
 * @typeParam F - The activity.
 */
export type Replacement<F extends (...args: never[]) => unknown> = (
  input: Parameters<F>[0],
  context: ActivityContext,
) => ReturnType<F> | Awaited<ReturnType<F>> | Promise<never>;

/**
 * Makes an environment. Nothing has to be started; `close` ends it. Throws a TestSetupError if a workflow is given twice.
 *
 * @typeParam A - The type of the activities, from the options.
 */
export function createTestEnvironment<A extends ActivityImplementations>(
  options: TestEnvironmentOptions<A> = {},
): TestEnvironment<A> {
  const { world, clock, failed, waiters, workflowCode, activityCode, scheduler, plans, ...parts } =
    assemble(options);
  const { client, activities, sleep } = parts;
  const unwatch = watchRejections();
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    try {
      if (failed.signal.aborted) throw failed.signal.reason;
      for (const run of [...world.open()])
        await scheduler.betweenTasks(() => workflowCode.check(world.run(run.runId)));
    } finally {
      scheduler.fail(new TestSetupError("the environment is closed"));
      activityCode.abandon();
      unwatch();
    }
  }

  return {
    client,
    start: client.start,
    execute: client.execute,
    handle: client.handle,
    activityCalls: activityCode.calls,
    now: () => new Date(clock.now / 1_000),
    sleep,
    after(duration, action) {
      const plan: Actor = { waits: 1, signal: failed.signal, sleep };
      plans.add(plan);
      const act = async () => {
        await clock.sleep(toMs(duration), failed.signal);
        plan.waits -= 1;
        await runAsActor(plan, action);
      };
      const end = () => {
        plans.delete(plan);
        scheduler.kick();
      };
      void act().catch(scheduler.fail).then(end);
    },
    idle: () => waiters.untilLook({ what: "all to be done that can be done", place: quiet }),
    replaceActivity(type, activity) {
      if (!Object.hasOwn(activities, type)) throw new TestSetupError(`there is no activity of type ${type}`);
      activities[type] = activity;
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** Builds the parts of an environment, each of which knows some others. */
function assemble(options: TestEnvironmentOptions) {
  const { startTime = new Date(), replay = "always", workflowLogger: logger = silentLog } = options;
  const { namespace = "main" } = options;
  const mocked = mockedCode(options.mockedWorkflows ?? {});
  const workflows = byType([...(options.workflows ?? []), ...mocked.workflows]);
  const activities: Record<string, ActivityImplementations[string]> = {
    ...options.activities,
    ...mocked.activities,
  };
  const clock = createClock(microsAt(startTime));
  const now = () => clock.now;
  const failed = new AbortController();
  const plans = new Set<Actor>();
  const waiters = createWaiters({ failed: failed.signal, began: () => scheduler.kick() });
  const sleep = (duration: Duration) => {
    const actor = currentActor();
    const signal = actor === undefined ? failed.signal : AbortSignal.any([failed.signal, actor.signal]);
    return waiters.during(`${duration} to pass`, clock.sleep(toMs(duration), signal));
  };

  const world = createWorld({ namespace, now, changed: (run) => scheduler.changed(run) });
  const workflowCode = createWorkflowCode({ world, workflows, replay, logger });
  const moved = () => scheduler.kick();
  const activityCode = createActivityCode({ world, activities, now, sleep, moved });
  const parts = { world, clock, workflowCode, activityCode, waiters, failed };
  const isBusy = () => [...plans].some(({ waits }) => waits === 0);
  const scheduler: Scheduler = createScheduler({ ...parts, isBusy });
  const { betweenTasks } = scheduler;
  const isKnown = (type: string) => workflows.has(type);
  const rpc = rpcOf(answersOf({ world, waiters, workflowCode, isKnown, now, betweenTasks }));
  const client = clientOf(rpc, { namespace, identity: "test" });
  return { ...parts, scheduler, plans, activities, sleep, client };
}

function byType(definitions: readonly WorkflowDefinition<never, unknown>[]): Map<string, WorkflowDefinition> {
  const workflows = new Map<string, WorkflowDefinition>();
  for (const definition of definitions) {
    if (workflows.has(definition.type))
      throw new TestSetupError(`the workflow ${definition.type} is given twice`);
    workflows.set(definition.type, definition);
  }
  return workflows;
}

function microsAt(time: Date | string): number {
  const ms = new Date(time).getTime();
  if (Number.isNaN(ms)) throw new RangeError(`startTime is no time: ${time}`);
  return ms * 1_000;
}
