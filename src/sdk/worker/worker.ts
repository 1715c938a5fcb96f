/** A worker: it polls for tasks, does them, and goes when it is told to. */
import type { ConnectionOptions } from "../connection.js";
import { watchRejections } from "../rejections.js";
import { isOverWithin } from "../wait.js";
import type { ActivityImplementations } from "../workflow/activities.js";
import type { WorkflowLogger } from "../workflow/logger.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import type { ActivityInterceptor } from "./activity-interceptors.js";
import { AttemptOverError } from "./activity-tasks.js";
import { assembleWorker } from "./assemble-worker.js";
import { checkOptions } from "./check-options.js";
import type { WorkerLogger } from "./logger.js";

/** How to make a worker. */
export interface WorkerOptions extends ConnectionOptions {
  /** The namespace. Default "main". */
  readonly namespace?: string;
  /** The queue it polls. Default "default". */
  readonly taskQueue?: string;
  /**
   * The workflows it runs. A module, by its URL or path: all that it exports, in a thread of their own, where code that does not give the thread back
   * is found and ended. A list: in the worker's own thread, for tests and small programs. Default: none, and no workflow tasks are polled for.
   */
  readonly workflows?: readonly WorkflowDefinition<never, unknown>[] | URL | string;
  /** The activities it runs, by type. Default: none, and no activities are polled for. */
  readonly activities?: ActivityImplementations;
  /** What is done around each attempt at an activity, the first outermost. Default: nothing. */
  readonly activityInterceptors?: readonly ActivityInterceptor[];
  /** Who it is, for people. Default: process id and host. */
  readonly identity?: string;
  /** The build of its code, kept with every workflow task. */
  readonly buildId?: string;
  /** How many workflow tasks it works on at once. Default 100. */
  readonly workflowSlots?: number;
  /** How many activities it works on at once. Default 100. */
  readonly activitySlots?: number;
  /** How many polls of a kind are open at once. Default 2. */
  readonly pollers?: number;
  /** How many runs it keeps in memory between their tasks, each thread its share. Default 10,000. */
  readonly cachedRuns?: number;
  /**
   * How much memory the threads of a workflow module may use before they keep fewer runs, in megabytes. Not for a list of workflows, whose memory
   * can't be told from the worker's. Default 512.
   */
  readonly cacheMegabytes?: number;
  /** How many threads share the runs of a workflow module. Default 1. */
  readonly workflowThreads?: number;
  /** Node's options for these threads, such as `["--import", "tsx"]`. Default: those of the process. */
  readonly workflowExecArgv?: readonly string[];
  /**
   * How long workflow code may hold its thread at a time, in milliseconds. Then its workflow task fails and its thread is begun anew; with a list of
   * workflows nothing can do that, so a warning is logged once it gives the thread back. Default 5,000: no honest turn takes a tenth of that, and the
   * lease of a workflow task is twice as long.
   */
  readonly turnLimitMs?: number;
  /** How long `stop` waits for what is in hand before it is given back, in milliseconds. Default 10,000. */
  readonly drainMs?: number;
  /** What it has to say goes here. Default: warnings to the standard error. */
  readonly logger?: WorkerLogger;
  /** What workflow code says by `ctx.log` goes here. Default: all but what is for debugging to the standard error. */
  readonly workflowLogger?: WorkflowLogger;
}

/** A worker. */
export interface Worker {
  readonly workerId: string;
  /** Resolves when the worker has stopped, since it was told to or since the server drained it. */
  readonly stopped: Promise<void>;
  /**
   * Loads the workflow module, registers and begins to poll. Resolves once the server knows the worker; waits for a server that is not there yet.
   * Throws a WorkflowModuleError if no workflows can be taken from the module.
   */
  start(): Promise<void>;
  /** Takes no more tasks, finishes or gives back what is in hand, and closes the connection. May be called twice. */
  stop(): Promise<void>;
}

const drainMs = 10_000;
const drainCallMs = 3_000;
const pollsEndWithinMs = 2_000;
const mostTokens = 1_000;

/** Makes a worker. Nothing is sent before `start`. Throws a RangeError or TypeError for options that can't be meant, such as two workflows of a type. */
export function createWorker(options: WorkerOptions): Worker {
  checkOptions(options);
  const parts = assembleWorker(options);
  let isStarted = false;
  let running: Promise<unknown> | undefined;
  let stopping: Promise<void> | undefined;
  let unwatch = () => {};
  let tellStopped = () => {};
  const stopped = new Promise<void>((resolve) => {
    tellStopped = resolve;
  });

  const stopOnce = async () => {
    parts.stopping.abort();
    if (running !== undefined) {
      await endPolls(parts, running);
      await isOverWithin(parts.idle(), options.drainMs ?? drainMs);
      await giveBack(parts);
    }
    await parts.replayer.stop();
    parts.leases.stop();
    unwatch();
    // A server that answers nothing any more can still hold a heartbeat, or the registration.
    parts.connection.close();
    await running;
    tellStopped();
  };
  const stop = () => {
    stopping ??= stopOnce();
    return stopping;
  };

  return {
    workerId: parts.workerId,
    stopped,
    async start() {
      if (isStarted || stopping !== undefined) throw new Error("a worker starts once");
      isStarted = true;
      await parts.replayer.start();
      if (stopping !== undefined) return;
      unwatch = watchRejections();
      const registered = parts.registration.register(parts.stopping.signal);
      const poll = () => parts.run(() => void stop());
      running = registered.then(poll, () => {});
      await registered;
    },
    stop,
  };
}

type Parts = ReturnType<typeof assembleWorker>;

/** Told of the drain, the server ends open polls with an empty answer; those that do not end are cut off and give their tasks back. */
async function endPolls(parts: Parts, running: Promise<unknown>): Promise<void> {
  await isOverWithin(Promise.all([drain(parts, {}), running]), pollsEndWithinMs);
  parts.cut.abort();
}

async function giveBack(parts: Parts): Promise<void> {
  const { leases, heldActivities } = parts;
  const workflowTaskTokens = leases.tokens.slice(0, mostTokens);
  const activityTaskTokens = [...heldActivities].slice(0, mostTokens).map((held) => held.token);
  for (const held of heldActivities) held.abort.abort(new AttemptOverError("the worker stops"));
  if (workflowTaskTokens.length + activityTaskTokens.length > 0) {
    await drain(parts, { workflowTaskTokens, activityTaskTokens });
  }
}

async function drain(
  { rpc, namespace, workerId, logger }: Parts,
  tokens: { readonly workflowTaskTokens?: Uint8Array[]; readonly activityTaskTokens?: Uint8Array[] },
): Promise<void> {
  try {
    await rpc.drainWorker({ namespace, workerId, ...tokens }, { timeoutMs: drainCallMs });
  } catch (error) {
    logger.warn("the server could not be told that this worker stops", { error: String(error) });
  }
}
