/** For applications that start workflows and talk to them. */
export type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
export { type Connection, type ConnectionOptions, defaultAddress } from "../connection.js";
export {
  ClientClosedError,
  isTransient,
  NamespaceNotFoundError,
  NoWorkerError,
  PawlError,
  ScheduleAlreadyExistsError,
  ScheduleNotFoundError,
  ServerUnreachableError,
  WorkflowAlreadyStartedError,
  WorkflowClosedError,
  WorkflowNotFoundError,
} from "../errors.js";
export {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildFailure,
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
export type { InputOf, OutputOf, SignalWithStartOptions, WorkflowStart } from "./starts.js";
export type { UpdateHandle } from "./updates.js";
export { WorkflowFailedError } from "./workflow-failed-error.js";
export type { WorkflowHandle } from "./workflow-handle.js";
