/** Errors of calls to the server. */
import { Code } from "@connectrpc/connect";
import { ErrorReason, type OperationError } from "../../gen/pawl/v1/error_pb.js";
import { brandClasses } from "./brand.js";

/** What a refused call says about itself. */
export interface PawlErrorFields {
  /** The gRPC code, such as 5 for NOT_FOUND. */
  readonly code: number;
  /** The documented reason, a name of `ErrorReason` such as "WORKFLOW_NOT_FOUND"; empty if the answer did not come from a Pawl server. */
  readonly reason: string;
  /** The particulars of the reason, by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A call that the server refused, or that did not reach it. Those that are often caught have classes of their own; `reason` tells all apart. */
export class PawlError extends Error implements PawlErrorFields {
  override readonly name: string = "PawlError";
  readonly code: number;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(message: string, fields: PawlErrorFields, options?: ErrorOptions) {
    super(message, options);
    this.code = fields.code;
    this.reason = fields.reason;
    this.metadata = fields.metadata;
  }

  /** The name of the gRPC code, such as "NOT_FOUND". */
  get codeName(): string {
    const name = Code[this.code];
    if (name === undefined) return String(this.code);
    return name === "Canceled" ? "CANCELLED" : name.replaceAll(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase();
  }
}

/** There is no such workflow or run, or it was deleted. */
export class WorkflowNotFoundError extends PawlError {
  override readonly name = "WorkflowNotFoundError";
}

/** A workflow of this id exists, and the id policies refuse another. */
export class WorkflowAlreadyStartedError extends PawlError {
  override readonly name = "WorkflowAlreadyStartedError";

  /** The run that exists. */
  get runId(): string {
    return this.metadata.run_id ?? "";
  }
}

/** The run is closed and takes no more signals, updates or requests. */
export class WorkflowClosedError extends PawlError {
  override readonly name = "WorkflowClosedError";

  /** How it ended, such as "COMPLETED". */
  get status(): string {
    return this.metadata.status ?? "";
  }
}

/** No worker was seen lately that could answer a query. */
export class NoWorkerError extends PawlError {
  override readonly name = "NoWorkerError";
}

/** There is no such namespace. */
export class NamespaceNotFoundError extends PawlError {
  override readonly name = "NamespaceNotFoundError";
}

/** There is no such schedule. */
export class ScheduleNotFoundError extends PawlError {
  override readonly name = "ScheduleNotFoundError";
}

/** A schedule of this id exists. */
export class ScheduleAlreadyExistsError extends PawlError {
  override readonly name = "ScheduleAlreadyExistsError";
}

/** The server could not be reached, or the connection to it broke and it was not there again in time. */
export class ServerUnreachableError extends PawlError {
  override readonly name = "ServerUnreachableError";
}

/** The client was closed before the call or while it was under way. Whether a write took effect is open. */
export class ClientClosedError extends PawlError {
  override readonly name = "ClientClosedError";
}

type ErrorClass = new (message: string, fields: PawlErrorFields, options?: ErrorOptions) => PawlError;

const classes: Readonly<Record<string, ErrorClass>> = {
  WORKFLOW_NOT_FOUND: WorkflowNotFoundError,
  RUN_DELETED: WorkflowNotFoundError,
  WORKFLOW_EXISTS: WorkflowAlreadyStartedError,
  WORKFLOW_CLOSED: WorkflowClosedError,
  NO_WORKER: NoWorkerError,
  NAMESPACE_NOT_FOUND: NamespaceNotFoundError,
  SCHEDULE_NOT_FOUND: ScheduleNotFoundError,
  SCHEDULE_EXISTS: ScheduleAlreadyExistsError,
};

brandClasses({
  PawlError,
  WorkflowNotFoundError,
  WorkflowAlreadyStartedError,
  WorkflowClosedError,
  NoWorkerError,
  NamespaceNotFoundError,
  ScheduleNotFoundError,
  ScheduleAlreadyExistsError,
  ServerUnreachableError,
  ClientClosedError,
});

/** Makes the error of a refusal, of the class that its reason has. */
export function errorOfRefusal(message: string, fields: PawlErrorFields, options?: ErrorOptions): PawlError {
  const errorClass = Object.hasOwn(classes, fields.reason) ? classes[fields.reason] : undefined;
  return new (errorClass ?? PawlError)(message, fields, options);
}

/** Makes the error of a call that got no answer. */
export function serverUnreachable(address: string, detail: string, options?: ErrorOptions): PawlError {
  const message = `no Pawl server answers at ${address}: is \`pawl serve\` running there? (${detail})`;
  return new ServerUnreachableError(message, { code: Code.Unavailable, reason: "", metadata: {} }, options);
}

/** Makes the error of a call whose time was over before there was an answer. */
export function unanswered(address: string, timeoutMs: number, options?: ErrorOptions): PawlError {
  const message = `no answer from ${address} within ${timeoutMs} ms: the server is busy, or none is there; whether a write took effect is open`;
  return new PawlError(message, { code: Code.DeadlineExceeded, reason: "", metadata: {} }, options);
}

/** Makes the error of a call on a connection that was closed. */
export function clientClosed(address: string): PawlError {
  const message = `the client or worker of ${address} was closed: make calls before close(), or make a new one`;
  return new ClientClosedError(message, { code: Code.Canceled, reason: "", metadata: {} });
}

/** Whether the same call may succeed later with nothing changed: the server can't be reached, restarts, or is too busy. */
export function isTransient(error: unknown): error is PawlError {
  if (!(error instanceof PawlError)) return false;
  return (
    error.code === Code.Unavailable ||
    (error.code === Code.ResourceExhausted && error.reason === "SERVER_BUSY")
  );
}

/** Turns the error of one element of a batch call into the error that the call alone would have thrown. */
export function errorFromOutcome(error: OperationError): PawlError {
  const reason = ErrorReason[error.reason] ?? "";
  return errorOfRefusal(error.message, { code: error.code, reason, metadata: error.metadata });
}
