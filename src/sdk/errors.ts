/** Errors of calls to the server. */

import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { status as grpcStatus, type ServiceError } from "@grpc/grpc-js";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { ErrorReason, type OperationError } from "../../gen/pawl/v1/error_pb.js";

/** What a refused call says about itself. */
export interface PawlErrorFields {
  /** The gRPC code, such as 5 for NOT_FOUND. */
  readonly code: number;
  /** The documented reason, a name of `ErrorReason` such as "WORKFLOW_NOT_FOUND"; empty if the answer did not come from a Pawl server. */
  readonly reason: string;
  /** The particulars of the reason, by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A call that the server refused, or that did not reach it. */
export class PawlError extends Error implements PawlErrorFields {
  override readonly name = "PawlError";
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
    return grpcStatus[this.code] ?? String(this.code);
  }
}

/** Whether the same call may succeed later with nothing changed: the server can't be reached, restarts, or is too busy. */
export function isTransient(error: unknown): error is PawlError {
  if (!(error instanceof PawlError)) return false;
  return (
    error.code === grpcStatus.UNAVAILABLE ||
    (error.code === grpcStatus.RESOURCE_EXHAUSTED && error.reason === "SERVER_BUSY")
  );
}

/** Turns an error of the gRPC library into one with its reason and metadata. */
export function errorFromCall(error: ServiceError): PawlError {
  const info = readErrorInfo(error);
  return new PawlError(
    error.details,
    { code: error.code, reason: info?.reason ?? "", metadata: info?.metadata ?? {} },
    { cause: error },
  );
}

/** Turns the error of one element of a batch call into the error that the call alone would have thrown. */
export function errorFromOutcome(error: OperationError): PawlError {
  const reason = ErrorReason[error.reason] ?? "";
  return new PawlError(error.message, { code: error.code, reason, metadata: error.metadata });
}

function readErrorInfo(error: ServiceError) {
  const bytes = error.metadata?.get("grpc-status-details-bin")[0];
  if (bytes === undefined || typeof bytes === "string") return undefined;
  try {
    const { details } = fromBinary(StatusSchema, bytes);
    return details.map((detail) => anyUnpack(detail, ErrorInfoSchema)).find((info) => info !== undefined);
  } catch {
    return undefined; // Details that can't be read tell nothing; code and message still do.
  }
}
