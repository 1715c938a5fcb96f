/**
 * What callers are told of an error. The only place that knows gRPC codes: domain errors have reasons, each of which has one code, and what is unknown
 * becomes INTERNAL with a fixed text.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code } from "../../gen/google/rpc/code_pb.js";
import {
  type BadRequest,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { ErrorReason, type OperationErrorSchema } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";
import { InvalidRequestError, type Violation } from "./invalid-request-error.js";

/** The domain of every reason. */
export const errorDomain = "pawl";

const internalMessage = "internal error of the server; its log tells more";

/** What a caller is told of an error, independent of how it is encoded. */
export interface CallError {
  readonly code: Code;
  readonly reason: ErrorReason;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields of the request that are wrong; empty for any other error. */
  readonly violations: readonly Violation[];
}

/** Tells what a caller shall know of whatever was thrown. */
export function describeError(error: unknown): CallError {
  if (error instanceof InvalidRequestError) {
    const { reason, message, metadata, violations } = error;
    return { code: codeOf(reason), reason, message, metadata, violations };
  }
  if (error instanceof RefusedError) {
    const { reason, message, metadata } = error;
    return { code: codeOf(reason), reason, message, metadata, violations: [] };
  }
  const reason = ErrorReason.INTERNAL;
  return { code: codeOf(reason), reason, message: internalMessage, metadata: {}, violations: [] };
}

/** The error of one element of a batch: what the call with that element alone would have answered. */
export function toOperationError(error: unknown): MessageInitShape<typeof OperationErrorSchema> {
  const { code, reason, message, metadata } = describeError(error);
  return { code, reason, message, metadata: { ...metadata } };
}

/** The error with its details, as gRPC carries it in `grpc-status-details-bin`. */
export function toStatus(error: CallError): Status {
  const details = detailsOf(error).map(({ desc, value }) => anyPack(desc, value));
  return create(StatusSchema, { code: error.code, message: error.message, details });
}

/** The name of a reason, as ErrorInfo carries it. */
export function reasonName(reason: ErrorReason): string {
  return ErrorReason[reason] ?? "UNSPECIFIED";
}

/** The gRPC code of a reason. */
export function codeOf(reason: ErrorReason): Code {
  switch (reason) {
    case ErrorReason.UNSPECIFIED:
      return Code.UNKNOWN;
    case ErrorReason.INVALID_FIELD:
    case ErrorReason.INVALID_PAYLOAD:
    case ErrorReason.INVALID_COMMAND:
    case ErrorReason.INVALID_TOKEN:
    case ErrorReason.INVALID_PAGE_TOKEN:
      return Code.INVALID_ARGUMENT;
    case ErrorReason.NOT_IMPLEMENTED:
      return Code.UNIMPLEMENTED;
    case ErrorReason.NAMESPACE_NOT_FOUND:
    case ErrorReason.WORKFLOW_NOT_FOUND:
    case ErrorReason.RUN_DELETED:
    case ErrorReason.ACTIVITY_NOT_FOUND:
    case ErrorReason.WORKER_NOT_FOUND:
    case ErrorReason.SCHEDULE_NOT_FOUND:
    case ErrorReason.UPDATE_NOT_FOUND:
    case ErrorReason.SNAPSHOT_NOT_FOUND:
      return Code.NOT_FOUND;
    case ErrorReason.WORKFLOW_CLOSED:
    case ErrorReason.WORKFLOW_OPEN:
    case ErrorReason.WORKFLOW_TASK_STARTED:
    case ErrorReason.UNHANDLED_EVENTS:
    case ErrorReason.CANCEL_NOT_REQUESTED:
    case ErrorReason.NAMESPACE_IN_USE:
    case ErrorReason.NO_WORKER:
    case ErrorReason.RESET_POINT_INVALID:
    case ErrorReason.WORKER_DRAINING:
      return Code.FAILED_PRECONDITION;
    case ErrorReason.WORKFLOW_EXISTS:
    case ErrorReason.REQUEST_ID_REUSED:
    case ErrorReason.NAMESPACE_EXISTS:
    case ErrorReason.SCHEDULE_EXISTS:
      return Code.ALREADY_EXISTS;
    case ErrorReason.STALE_LEASE:
    case ErrorReason.NON_DETERMINISM:
    case ErrorReason.REVISION_MISMATCH:
    case ErrorReason.UNHANDLED_COMMAND:
      return Code.ABORTED;
    case ErrorReason.SIZE_LIMIT:
    case ErrorReason.PENDING_LIMIT:
    case ErrorReason.SERVER_BUSY:
    case ErrorReason.CALL_LIMIT:
      return Code.RESOURCE_EXHAUSTED;
    case ErrorReason.DATABASE_UNAVAILABLE:
    case ErrorReason.SHUTTING_DOWN:
      return Code.UNAVAILABLE;
    case ErrorReason.DEADLINE:
      return Code.DEADLINE_EXCEEDED;
    case ErrorReason.INTERNAL:
      return Code.INTERNAL;
    default:
      return unknownReason(reason);
  }
}

function unknownReason(reason: never): Code {
  throw new Error(`no code for the error reason ${String(reason)}`);
}

/** A detail of an error, for whoever encodes it. */
export interface ErrorDetail {
  readonly desc: typeof ErrorInfoSchema | typeof BadRequestSchema;
  readonly value: ErrorInfo | BadRequest;
}

/** The details that every error carries: the reason, and, for a request that is wrong in its form, what is wrong. */
export function detailsOf({ reason, metadata, violations }: CallError): ErrorDetail[] {
  const info = create(ErrorInfoSchema, {
    reason: reasonName(reason),
    domain: errorDomain,
    metadata: { ...metadata },
  });
  if (violations.length === 0) return [{ desc: ErrorInfoSchema, value: info }];
  const fieldViolations = violations.map(({ field, message, reason }) => ({
    field,
    description: message,
    reason: reasonName(reason),
  }));
  const badRequest = create(BadRequestSchema, { fieldViolations });
  return [
    { desc: ErrorInfoSchema, value: info },
    { desc: BadRequestSchema, value: badRequest },
  ];
}
