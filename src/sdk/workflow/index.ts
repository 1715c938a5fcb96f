/** For workflow code. Loads nothing that talks to a server. */
export { RetryState, TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
export { type CustomType, defineType } from "../custom-types.js";
export type { Duration } from "../duration.js";
export {
  ActivityFailure,
  type ActivityFailureFields,
  ApplicationFailure,
  type ApplicationFailureOptions,
  CancelledFailure,
  ChildFailure,
  type ChildFailureFields,
  isCancellation,
  TerminatedFailure,
  TimeoutFailure,
} from "../failures.js";
export type { SearchAttribute, SearchAttributeChanges, SearchAttributes } from "../search-attributes.js";
export type { StartOptions } from "../start-options.js";
export type { ActivityCalls, ActivityImplementations } from "./activities.js";
export type { CancelEffect } from "./cancel-effect.js";
export type { ChildHandle, ChildOptions, ExternalHandle } from "./child.js";
export type { WorkflowContext } from "./context.js";
export {
  defineQuery,
  defineSignal,
  defineUpdate,
  type QueryDefinition,
  type SignalDefinition,
  type UpdateDefinition,
} from "./definitions.js";
export type { RunName, WorkflowInfo } from "./info.js";
export type { LocalOptions, LocalStepContext } from "./local.js";
export type { LogFields, WorkflowLogger } from "./logger.js";
export type {
  ActivityOptions,
  ConditionOptions,
  ContinueAsNewOptions,
  RetryOptions,
  UpdateHandlerOptions,
  WaitOptions,
} from "./options.js";
export type { CancelScope } from "./scope.js";
export type { SignalChannel, SignalOptions } from "./signal-channel.js";
export { type WorkflowDefinition, workflow } from "./workflow.js";
