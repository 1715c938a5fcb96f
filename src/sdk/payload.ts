/** Values on their way into payloads and back. */
import { create } from "@bufbuild/protobuf";
import { type Payload, PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";

const binaryEncoding = new TextEncoder().encode("binary/plain");

/**
 * Encodes a value: bytes as they are, anything else as JSON. `undefined` is no value and gives no payload. Throws a TypeError for what JSON can't
 * hold, such as a function, a bigint, or an object that holds itself.
 */
export function encodePayload(value: unknown): Payload | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Uint8Array) {
    return create(PayloadSchema, { body: { case: "data", value }, metadata: { encoding: binaryEncoding } });
  }
  const json = toJson(value);
  if (json === undefined) throw new TypeError(`a ${typeof value} can't be sent: JSON has no form for it`);
  return create(PayloadSchema, { body: { case: "json", value: json } });
}

function toJson(value: unknown): string | undefined {
  if (typeof value === "bigint") return undefined;
  try {
    return JSON.stringify(value);
  } catch (error) {
    // Node's own messages say which property it is, and where a cycle begins.
    const why = error instanceof Error ? error.message : String(error);
    throw new TypeError(`the ${typeof value} can't be sent as JSON: ${why}`, { cause: error });
  }
}

/** Decodes a payload: JSON to its value, bytes to a Uint8Array, no value to `undefined`. */
export function decodePayload(payload: Payload | undefined): unknown {
  switch (payload?.body.case) {
    case "json":
      return JSON.parse(payload.body.value);
    case "data":
      return payload.body.value;
    default:
      return undefined;
  }
}
