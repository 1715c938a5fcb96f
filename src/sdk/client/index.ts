/** For applications that start workflows and talk to them. */
export type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
export { type Failure, RetryState, TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
export type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
export type {
  SearchAttributeFilter,
  SearchAttributeRange,
  SearchAttributeValue,
} from "../../../gen/pawl/v1/search_attribute_pb.js";
export {
  ParentClosePolicy,
  type PendingActivity,
  type PendingChild,
  PendingTaskState,
  type PendingTimer,
  type PendingWorkflowTask,
  type RunRef,
  type Workflow,
  type WorkflowOutcome,
  WorkflowStatus,
  WorkflowTaskFailureCause,
} from "../../../gen/pawl/v1/workflow_pb.js";
export {
  type GetWorkflowResponse,
  WaitingReason,
  type WaitingWorkflow,
  type WorkflowFilter,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
export { type Connection, type ConnectionOptions, defaultAddress } from "../connection.js";
export {
  ClientClosedError,
  isTransient,
  NamespaceNotFoundError,
  NoWorkerError,
  PawlError,
  type PawlErrorFields,
  ScheduleAlreadyExistsError,
  ScheduleNotFoundError,
  ServerUnreachableError,
  WorkflowAlreadyStartedError,
  WorkflowClosedError,
  WorkflowNotFoundError,
} from "../errors.js";
export {
  ActivityFailure,
  type ActivityFailureFields,
  ApplicationFailure,
  type ApplicationFailureOptions,
  CancelledFailure,
  ChildFailure,
  type ChildFailureFields,
  TerminatedFailure,
  TimeoutFailure,
} from "../failures.js";
export { payloadFromBytes, payloadToBytes } from "../payload.js";
export {
  type DataConverter,
  type PayloadCodec,
  PayloadCodecError,
  type PayloadInit,
} from "../payload-codec.js";
export type { StartOptions } from "../start-options.js";
export type { Transport, TransportCall } from "../transport.js";
export {
  type CancelOptions,
  type Client,
  type ClientOptions,
  createClient,
  type ResetOptions,
  type StartedWorkflow,
  type UpdateOptions,
  type WaitForResultOptions,
  type WorkflowName,
} from "./client.js";
export type { ClientCall, ClientInterceptor, ClientOperation } from "./interceptors.js";
export type { HistoryOptions, WaitingOptions, WorkflowCounts, WorkflowFilterInit } from "./reads.js";
export type {
  OverlapPolicy,
  ScheduleAction,
  ScheduleDefinition,
  ScheduledStartOptions,
  ScheduleInterval,
  ScheduleOptions,
  ScheduleSpec,
} from "./schedule-definition.js";
export type { ScheduleDescription, ScheduleRun, Schedules } from "./schedules.js";
export type { GivenInput, InputOf, OutputOf, SignalWithStartOptions, WorkflowStart } from "./starts.js";
export type { UpdateHandle } from "./updates.js";
export { WorkflowFailedError } from "./workflow-failed-error.js";
export type { Carried, WorkflowHandle } from "./workflow-handle.js";
