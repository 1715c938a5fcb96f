/** Values on their way into payloads and back. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Payload, PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { fromJson, toJson } from "./custom-types.js";

const binaryEncoding = new TextEncoder().encode("binary/plain");
/** Encodings whose bytes are the value. */
const plainEncodings = new Set(["", "binary/plain", "binary/protobuf"]);

/**
 * Encodes a value: bytes as they are, anything else as JSON, with custom types as they are defined. `undefined` is no value and gives no payload. Throws a
 * TypeError for what JSON can't hold, such as a function, a bigint, or an object that holds itself.
 */
export function encodePayload(value: unknown): Payload | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Uint8Array) {
    return create(PayloadSchema, { body: { case: "data", value }, metadata: { encoding: binaryEncoding } });
  }
  const json = jsonOf(value);
  if (json === undefined) throw new TypeError(`a ${typeof value} can't be sent: JSON has no form for it`);
  return create(PayloadSchema, { body: { case: "json", value: json } });
}

function jsonOf(value: unknown): string | undefined {
  try {
    return toJson(value);
  } catch (error) {
    if (typeof value === "bigint") return undefined;
    // Node's own messages say which property it is, and where a cycle begins.
    const why = error instanceof Error ? error.message : String(error);
    throw new TypeError(`the ${typeof value} can't be sent as JSON: ${why}`, { cause: error });
  }
}

/** Decodes a payload: JSON to its value, bytes to a Uint8Array, no value to `undefined`. Throws a TypeError for what only a codec can decode. */
export function decodePayload(payload: Payload | undefined): unknown {
  switch (payload?.body.case) {
    case "json":
      return fromJson(payload.body.value);
    case "data": {
      const encoding = new TextDecoder().decode(payload.metadata.encoding);
      if (plainEncodings.has(encoding)) return payload.body.value;
      throw new TypeError(
        `a payload is encoded as "${encoding}": give this client or worker the dataConverter whose codec decodes it`,
      );
    }
    default:
      return undefined;
  }
}

/** A payload as bytes, for codecs that change it as a whole. */
export function payloadToBytes(payload: Payload): Uint8Array {
  return toBinary(PayloadSchema, payload);
}

/** The payload that the bytes were made of. Throws if they are not those of a payload. */
export function payloadFromBytes(bytes: Uint8Array): Payload {
  return fromBinary(PayloadSchema, bytes);
}
