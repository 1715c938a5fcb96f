/** Where a worker's workflow code runs, by its options. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createLocalReplayer } from "./local-replayer.js";
import { type WorkerLogger, workflowLogsToStderr } from "./logger.js";
import type { MadeBy } from "./replay-task.js";
import type { Replayer } from "./replayer.js";
import { createRunCache } from "./run-cache.js";
import { createThreadedReplayer } from "./thread/threaded-replayer.js";
import type { WorkerOptions } from "./worker.js";

/** Makes the replayer of a worker; threads begin when it starts. */
export function createReplayer(options: WorkerOptions, madeBy: MadeBy, logger: WorkerLogger): Replayer {
  const { workflows = [], workflowLogger = workflowLogsToStderr } = options;
  const { cachedRuns = 10_000, cacheMegabytes = 512, turnLimitMs = 5_000 } = options;
  if (!isModule(workflows)) {
    return createLocalReplayer({
      workflows: new Map(workflows.map((workflow) => [workflow.type, workflow])),
      cache: createRunCache(cachedRuns),
      madeBy,
      workflowLogger,
      turnLimitMs,
      logger,
    });
  }
  const { workflowThreads: threads = 1, workflowExecArgv: execArgv } = options;
  return createThreadedReplayer({
    module: addressOf(workflows),
    threads,
    cachedRuns: Math.ceil(cachedRuns / threads),
    cacheMegabytes: cacheMegabytes / threads,
    madeBy,
    workflowLogger,
    turnLimitMs,
    logger,
    execArgv,
  });
}

/** Whether workflows are given as a module. */
export function isModule(workflows: NonNullable<WorkerOptions["workflows"]>): workflows is URL | string {
  return typeof workflows === "string" || workflows instanceof URL;
}

/** A path is one from the working directory. */
function addressOf(module: URL | string): string {
  if (module instanceof URL) return module.href;
  return /^(file|data):/.test(module) ? module : pathToFileURL(resolve(module)).href;
}
