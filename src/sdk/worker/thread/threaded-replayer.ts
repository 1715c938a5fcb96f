/** Workflow code in threads of its own, which are begun anew when code has held or ended one. */
import { backOffMs } from "../../connection.js";
import { waitAbortably } from "../../wait.js";
import type { WorkerLogger } from "../logger.js";
import { taskGoneWrong } from "../replay-task.js";
import type { Replayer, TaskOutcome } from "../replayer.js";
import type { SealedTask } from "../sealed-tasks.js";
import {
  openWorkflowThread,
  ThreadLostError,
  type WorkflowThread,
  type WorkflowThreadParts,
} from "./workflow-thread.js";

/** What it needs. */
export interface ThreadedReplayerParts extends WorkflowThreadParts {
  /** How many threads share the runs. */
  readonly threads: number;
  readonly logger: WorkerLogger;
}

/** Workflow code that does not give its thread back, or ends it. */
export class HeldThreadError extends Error {
  override readonly name = "HeldThreadError";

  constructor({ workflowType, workflowId, runId }: SealedTask, what: string) {
    super(
      `workflow code of ${workflowType} (${workflowId}, run ${runId}) ${what}: do long computations in an activity, and let loops await something of ctx`,
    );
  }
}

/** How often a task may lose its thread to an unknown cause before it is taken for the cause. */
const mostLosses = 2;

/** Makes a replayer whose threads begin with it. */
export function createThreadedReplayer(parts: ThreadedReplayerParts): Replayer {
  const places = Array.from({ length: parts.threads }, () => createPlace(parts));
  // One more, begun when it is needed, for types whose code has held a thread: they hold up each other and nobody else.
  const apart = createPlace(parts);
  const suspects = new Set<string>();
  const placeFor = ({ workflowType, runId }: SealedTask) =>
    suspects.has(workflowType) ? apart : (places[placeNumber(runId, parts.threads)] ?? apart);
  let workflowTypes: readonly string[] = [];

  const lost = (task: SealedTask, error: ThreadLostError, losses: number): TaskOutcome | undefined => {
    const { workflowType, workflowId, runId } = task;
    if (!error.isCulprit && losses < mostLosses) return undefined;
    suspects.add(workflowType);
    const fields = { workflowType, workflowId, runId, error: error.message };
    parts.logger.warn("workflow code lost its thread; a new one goes on with the other runs", fields);
    return taskGoneWrong(task, new HeldThreadError(task, error.message));
  };

  return {
    get workflowTypes() {
      return workflowTypes;
    },
    async start() {
      const threads = await Promise.all(places.map((place) => place.thread()));
      workflowTypes = (await threads[0]?.workflowTypes) ?? [];
    },
    async replay(task) {
      for (let losses = 1; ; losses++) {
        try {
          return await (await placeFor(task).thread()).replay(task);
        } catch (error) {
          const outcome =
            error instanceof ThreadLostError ? lost(task, error, losses) : taskGoneWrong(task, error);
          if (outcome !== undefined) return outcome;
        }
      }
    },
    forget(runId) {
      for (const place of [...places, apart]) place.forget(runId);
    },
    async stop() {
      await Promise.all([...places, apart].map((place) => place.stop()));
    },
  };
}

/** Where a thread is, or will be once it is asked for. */
function createPlace(parts: WorkflowThreadParts) {
  let current: WorkflowThread | undefined;
  let opening: Promise<WorkflowThread> | undefined;
  let begun = 0;
  const stopping = new AbortController();
  const open = async () => {
    current = undefined;
    // One whose code ends it at once must not be begun again at full speed.
    if (begun++ > 0) await waitAbortably(backOffMs(begun), stopping.signal);
    stopping.signal.throwIfAborted();
    const thread = openWorkflowThread(parts);
    current = thread;
    await thread.workflowTypes;
    return thread;
  };
  return {
    thread() {
      if (opening === undefined || current?.isLost) {
        opening = open();
        opening.catch(() => {
          opening = undefined;
        });
      }
      return opening;
    },
    forget: (runId: string) => current?.forget(runId),
    async stop() {
      stopping.abort(new Error("the worker stops"));
      await current?.stop();
    },
  };
}

/** The same for a run at all times, so that its tasks find it in memory. The end of a run's id is random. */
function placeNumber(runId: string, threads: number): number {
  return (Number.parseInt(runId.slice(-6), 16) || 0) % threads;
}
