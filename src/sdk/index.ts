/** Client and worker in one: for processes that start workflows, talk to them, and run them. Workflow code itself imports `pawl/workflow`. */
export {
  type Client,
  type ClientOptions,
  createClient,
  defaultAddress,
  isTransient,
  PawlError,
  type StartedWorkflow,
  type StartOptions,
  type UpdateOptions,
  type WaitForResultOptions,
  type WorkflowCounts,
  WorkflowFailedError,
  type WorkflowFilterInit,
  type WorkflowHandle,
  type WorkflowName,
} from "./client/index.js";
export type { Duration } from "./duration.js";
export {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildFailure,
  isCancellation,
  TerminatedFailure,
  TimeoutFailure,
} from "./failures.js";
export {
  type ActivityContext,
  type ActivityImplementations,
  type ActivityInfo,
  createWorker,
  runWorker,
  type Worker,
  type WorkerLogger,
  type WorkerOptions,
  WorkflowModuleError,
  warningsToStderr,
  workflowLogsToStderr,
} from "./worker/index.js";
