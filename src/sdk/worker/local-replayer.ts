/** Workflow code in the worker's own thread. */
import { performance } from "node:perf_hooks";
import type { WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import type { TurnWatch } from "../replay/turn-watch.js";
import type { WorkerLogger } from "./logger.js";
import { type ReplayParts, replayTask } from "./replay-task.js";
import type { Replayer } from "./replayer.js";

/** What it needs. */
export interface LocalReplayerParts extends ReplayParts {
  /** How long code may hold the thread before a warning is due, in milliseconds. */
  readonly turnLimitMs: number;
  readonly logger: WorkerLogger;
}

/** Makes a replayer that has its code already. */
export function createLocalReplayer(parts: LocalReplayerParts): Replayer {
  const { workflows, cache } = parts;
  return {
    workflowTypes: [...workflows.keys()],
    async start() {},
    replay: (task) => replayTask(parts, task, warnWhenLong(parts, task)),
    forget: (runId) => void cache.take(runId),
    async stop() {},
  };
}

/** Nothing can end a turn here, as the watch would have to run in the thread that is held. */
function warnWhenLong({ logger, turnLimitMs }: LocalReplayerParts, task: WorkflowTask): TurnWatch {
  const { workflowType, workflowId, runId } = task;
  let begunAt = Number.POSITIVE_INFINITY;
  return {
    begin() {
      begunAt = performance.now();
    },
    end() {
      const tookMs = Math.round(performance.now() - begunAt);
      begunAt = Number.POSITIVE_INFINITY;
      if (tookMs <= turnLimitMs) return;
      logger.warn("workflow code held the worker's thread too long", {
        workflowType,
        workflowId,
        runId,
        tookMs,
      });
    },
  };
}
