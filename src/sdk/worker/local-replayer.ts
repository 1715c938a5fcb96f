/** Workflow code in the worker's own thread. */
import { performance } from "node:perf_hooks";
import type { TurnWatch } from "../replay/turn-watch.js";
import type { WorkerLogger } from "./logger.js";
import { type ReplayParts, replayTask } from "./replay-task.js";
import type { Replayer } from "./replayer.js";
import type { SealedTask } from "./sealed-tasks.js";

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
    replay: (task) => replayTask(parts, task.bytes, warnWhenLong(parts, task)),
    forget: (runId) => void cache.take(runId),
    async stop() {},
  };
}

/** Nothing can end a turn here, as the watch would have to run in the thread that is held. */
function warnWhenLong({ logger, turnLimitMs }: LocalReplayerParts, task: SealedTask): TurnWatch {
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
