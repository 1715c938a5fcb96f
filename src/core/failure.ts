/** Failures: checked, cut to their limit, and those that the server makes. */
import { create, toBinary } from "@bufbuild/protobuf";
import { type Failure, FailureSchema, type TimeoutKind } from "../../gen/pawl/v1/failure_pb.js";
import type { Payload } from "../../gen/pawl/v1/payload_pb.js";
import type { Limits } from "./limits.js";
import { checkPayload } from "./payload.js";
import { readMicros } from "./time.js";

/** Refuses a failure with payloads that are not what they say. Its size is no reason: see `cutFailure`. */
export function checkFailure(failure: Failure | undefined, field: string, limits: Limits): void {
  if (failure === undefined) return;
  checkPayload(failure.encodedAttributes, `${field}.encoded_attributes`, limits);
  const { kind } = failure;
  if (kind.case === "application") {
    checkPayload(kind.value.details, `${field}.application.details`, limits);
    readMicros(kind.value.nextRetryDelay, `${field}.application.next_retry_delay`);
  } else if (kind.case === "cancelled") {
    checkPayload(kind.value.details, `${field}.cancelled.details`, limits);
  } else if (kind.case === "timeout") {
    checkPayload(kind.value.lastHeartbeatDetails, `${field}.timeout.last_heartbeat_details`, limits);
  } else if (kind.case === "reset") {
    checkPayload(kind.value.lastHeartbeatDetails, `${field}.reset.last_heartbeat_details`, limits);
  }
  checkFailure(failure.cause, `${field}.cause`, limits);
}

/** The failure, cut if it is longer than the limit: first details and stack traces go, then causes, then text. */
export function cutFailure(failure: Failure, limits: Pick<Limits, "maxDetailsBytes">): Failure {
  const limit = limits.maxDetailsBytes;
  if (sizeOf(failure) <= limit) return failure;
  const light = { ...withoutDetails(failure), truncated: true };
  if (sizeOf(light) <= limit) return light;
  const { cause: _cause, encodedAttributes: _attributes, ...alone } = light;
  if (sizeOf(alone) <= limit) return alone;
  const short = withShortTexts(alone, Math.floor(limit / 16));
  return sizeOf(short) <= limit ? short : { ...short, kind: { case: undefined } };
}

/** The failure that says that a deadline of an activity passed. */
export function timeoutFailure(
  kind: TimeoutKind,
  message: string,
  lastHeartbeatDetails: Payload | undefined,
): Failure {
  const details = lastHeartbeatDetails === undefined ? {} : { lastHeartbeatDetails };
  return create(FailureSchema, {
    message,
    source: "server",
    kind: { case: "timeout", value: { kind, ...details } },
  });
}

function sizeOf(failure: Failure): number {
  return toBinary(FailureSchema, failure).length;
}

function withoutDetails(failure: Failure): Failure {
  const { cause, ...rest } = failure;
  const light: Failure = { ...rest, stackTrace: "", kind: kindWithoutDetails(failure.kind) };
  return cause === undefined ? light : { ...light, cause: withoutDetails(cause) };
}

function kindWithoutDetails(kind: Failure["kind"]): Failure["kind"] {
  switch (kind.case) {
    case "application": {
      const { details: _details, ...value } = kind.value;
      return { case: kind.case, value };
    }
    case "cancelled": {
      const { details: _details, ...value } = kind.value;
      return { case: kind.case, value };
    }
    case "timeout": {
      const { lastHeartbeatDetails: _details, ...value } = kind.value;
      return { case: kind.case, value };
    }
    case "reset": {
      const { lastHeartbeatDetails: _details, ...value } = kind.value;
      return { case: kind.case, value };
    }
    default:
      return kind;
  }
}

/** Each text at most so many characters long, which is at most three times as many bytes. */
function withShortTexts(failure: Failure, characters: number): Failure {
  const cut = (text: string) => text.slice(0, characters).replace(/[\ud800-\udbff]$/, "");
  const { kind } = failure;
  const short = { ...failure, message: cut(failure.message), source: cut(failure.source) };
  if (kind.case !== "application") return short;
  return { ...short, kind: { case: kind.case, value: { ...kind.value, type: cut(kind.value.type) } } };
}
