/** For applications that start workflows and talk to them. */
export type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
export { type ConnectionOptions, defaultAddress } from "../connection.js";
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
  type Client,
  type ClientOptions,
  createClient,
  type StartedWorkflow,
  type UpdateOptions,
  type WaitForResultOptions,
  type WorkflowCounts,
  type WorkflowFilterInit,
  type WorkflowName,
} from "./client.js";
export { WorkflowFailedError } from "./workflow-failed-error.js";
export type { WorkflowHandle } from "./workflow-handle.js";
