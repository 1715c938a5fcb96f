/** For workflow code. */
export type { Duration } from "../duration.js";
export {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  isCancellation,
  TimeoutFailure,
} from "../failures.js";
export type {
  ActivityCalls,
  ActivityOptions,
  RetryOptions,
  SignalChannel,
  SignalOptions,
  WaitOptions,
  WorkflowContext,
  WorkflowInfo,
} from "./context.js";
export { type WorkflowDefinition, workflow } from "./workflow.js";
