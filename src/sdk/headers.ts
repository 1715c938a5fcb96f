/** Headers: values that travel along with calls and runs, such as the context of a trace. */
import { create } from "@bufbuild/protobuf";
import { type Header, HeaderSchema, PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { decodePayload, encodePayload } from "./payload.js";

/** Encodes headers; undefined if there are none. */
export function encodeHeaders(headers: Readonly<Record<string, unknown>>): Header | undefined {
  const entries = Object.entries(headers);
  if (entries.length === 0) return undefined;
  const fields = entries.map(([name, value]) => [name, encodePayload(value) ?? create(PayloadSchema)]);
  return create(HeaderSchema, { fields: Object.fromEntries(fields) });
}

/** Decodes headers. */
export function decodeHeaders(header: Header | undefined): Record<string, unknown> {
  const entries = Object.entries(header?.fields ?? {});
  return Object.fromEntries(entries.map(([name, payload]) => [name, decodePayload(payload)]));
}
