/** Errors on their way into failure messages and back. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { type Failure, FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { toMs } from "./duration.js";
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildFailure,
  ServerFailure,
  TerminatedFailure,
  TimeoutFailure,
} from "./failures.js";
import { decodePayload, encodePayload } from "./payload.js";

const source = "typescript-sdk";
const maxDepth = 20;

/** Encodes anything that was thrown. Errors that are no failures become application failures of their class's name. */
export function encodeFailure(error: unknown, depth = 1): Failure {
  const thrown =
    error instanceof Error ? error : new Error(typeof error === "string" ? error : inspectBriefly(error));
  const { cause } = thrown;
  return create(FailureSchema, {
    message: thrown.message,
    source,
    stackTrace: thrown.stack ?? "",
    kind: encodeKind(thrown),
    ...(cause !== undefined && depth < maxDepth && { cause: encodeFailure(cause, depth + 1) }),
  });
}

/** Decodes a failure to the error that its kind stands for. */
export function decodeFailure(failure: Failure | undefined): Error {
  if (failure === undefined) return new ApplicationFailure("no failure was given");
  const error = decodeKind(failure, failure.cause && { cause: decodeFailure(failure.cause) });
  if (failure.stackTrace !== "") error.stack = failure.stackTrace;
  return error;
}

function encodeKind(error: Error): NonNullable<MessageInitShape<typeof FailureSchema>["kind"]> {
  if (error instanceof ApplicationFailure) {
    const { nextRetryDelay } = error;
    const details = encodePayload(error.details);
    const value = {
      type: error.type,
      nonRetryable: error.isNonRetryable,
      ...(details && { details }),
      ...(nextRetryDelay !== undefined && { nextRetryDelay: durationFromMs(toMs(nextRetryDelay)) }),
    };
    return { case: "application", value };
  }
  if (error instanceof ActivityFailure) {
    const { activityType, activityId, retryState, identity } = error;
    return { case: "activity", value: { activityType, activityId, retryState, identity } };
  }
  if (error instanceof ChildFailure) {
    const { workflowType, namespace, workflowId, runId, retryState } = error;
    return { case: "childWorkflow", value: { workflowType, namespace, workflowId, runId, retryState } };
  }
  if (error instanceof TimeoutFailure) {
    const lastHeartbeatDetails = encodePayload(error.lastHeartbeatDetails);
    return {
      case: "timeout",
      value: { kind: error.kind, ...(lastHeartbeatDetails && { lastHeartbeatDetails }) },
    };
  }
  if (error instanceof CancelledFailure) {
    const details = encodePayload(error.details);
    return { case: "cancelled", value: { ...(details && { details }) } };
  }
  if (error instanceof TerminatedFailure) return { case: "terminated", value: { identity: error.identity } };
  if (error instanceof ServerFailure)
    return { case: "server", value: { nonRetryable: error.isNonRetryable } };
  return { case: "application", value: { type: error.name } };
}

function decodeKind(failure: Failure, options: ErrorOptions | undefined): Error {
  const { message, kind } = failure;
  switch (kind.case) {
    case "activity":
      return new ActivityFailure(message, kind.value, options);
    case "timeout":
      return new TimeoutFailure(
        message,
        kind.value.kind,
        decodePayload(kind.value.lastHeartbeatDetails),
        options,
      );
    case "cancelled":
      return new CancelledFailure(message, decodePayload(kind.value.details), options);
    case "terminated":
      return new TerminatedFailure(message, kind.value.identity, options);
    case "server":
      return new ServerFailure(message, kind.value.nonRetryable, options);
    case "application": {
      const { type, nonRetryable: isNonRetryable, details, nextRetryDelay } = kind.value;
      return new ApplicationFailure(message, {
        type,
        isNonRetryable,
        details: decodePayload(details),
        ...(nextRetryDelay && { nextRetryDelay: durationMs(nextRetryDelay) }),
        ...options,
      });
    }
    case "reset":
      return new ServerFailure(message, false, options);
    case "childWorkflow":
      return new ChildFailure(message, kind.value, options);
    case undefined:
      return new ApplicationFailure(message, { ...options });
  }
}

function inspectBriefly(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
