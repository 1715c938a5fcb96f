/** For processes that run workflows and activities. */
export { ApplicationFailure, CancelledFailure } from "../failures.js";
export type { ActivityImplementations } from "../workflow/activities.js";
export type { ActivityContext, ActivityInfo } from "./activity-context.js";
export type { ActivityExecution, ActivityInterceptor } from "./activity-interceptors.js";
export { type WorkerLogger, warningsToStderr, workflowLogsToStderr } from "./logger.js";
export { runWorker } from "./run-worker.js";
export { WorkflowModuleError } from "./thread/load-workflows.js";
export { createWorker, type Worker, type WorkerOptions } from "./worker.js";
