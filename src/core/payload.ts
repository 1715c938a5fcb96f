/** Checks of what callers send along: payloads, headers, texts for people. */
import { toBinary } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { type Header, type Payload, PayloadSchema, type UserMetadata } from "../../gen/pawl/v1/payload_pb.js";
import { RefusedError } from "./errors.js";
import type { Limits } from "./limits.js";
import { sizeLimit } from "./refusals.js";

type PayloadLimits = Pick<Limits, "maxPayloadBytes">;

/** Refuses a payload that says it is JSON and is not (INVALID_PAYLOAD), or that is too large (SIZE_LIMIT). */
export function checkPayload(payload: Payload | undefined, field: string, limits: PayloadLimits): void {
  if (payload === undefined) return;
  if (mayBeLarger(payload, limits.maxPayloadBytes)) {
    const actual = toBinary(PayloadSchema, payload).length;
    if (actual > limits.maxPayloadBytes) throw sizeLimit(field, limits.maxPayloadBytes, actual);
  }
  if (payload.body.case === "json" && !isJson(payload.body.value)) {
    const message = `${field} is not JSON; send JSON, or use \`data\` with an encoding`;
    throw new RefusedError(ErrorReason.INVALID_PAYLOAD, message, { field });
  }
}

/** The same for heartbeat details, which have a limit of their own. */
export function checkDetails(details: Payload | undefined, field: string, limits: Limits): void {
  checkPayload(details, field, { maxPayloadBytes: Math.min(limits.maxDetailsBytes, limits.maxPayloadBytes) });
}

/** The same for the payloads of a header. */
export function checkHeader(header: Header | undefined, field: string, limits: PayloadLimits): void {
  if (header === undefined) return;
  for (const [name, payload] of Object.entries(header.fields)) {
    checkPayload(payload, `${field}.fields[${JSON.stringify(name)}]`, limits);
  }
}

/** The same for texts for people. */
export function checkUserMetadata(
  userMetadata: UserMetadata | undefined,
  field: string,
  limits: PayloadLimits,
): void {
  if (userMetadata === undefined) return;
  checkPayload(userMetadata.summary, `${field}.summary`, limits);
  checkPayload(userMetadata.details, `${field}.details`, limits);
}

/** A bound that costs no encoding; most payloads are far below the limit. */
function mayBeLarger({ body, metadata }: Payload, limit: number): boolean {
  let bytes = 16 + (body.value === undefined ? 0 : body.value.length * 3);
  for (const [name, value] of Object.entries(metadata)) bytes += name.length * 3 + value.length + 16;
  return bytes > limit;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
