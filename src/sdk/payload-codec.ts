/** Codecs: what payloads look like outside of this process, such as encrypted or compressed. */
import {
  clone,
  create,
  type DescMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { type Failure, FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { type Payload, PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { brandClasses } from "./brand.js";
import { findPayloads } from "./find-payloads.js";
import { decodePayload, encodePayload } from "./payload.js";

/** A payload, as a codec gives it. */
export type PayloadInit = MessageInitShape<typeof PayloadSchema>;

/**
 * Changes payloads on their way out and back in. It is given all payloads of a request, an answer or a task at once, and gives one for each, in order; what it throws fails
 * the call, or the task. It must decode what it gives, and what was there before it was used. The same payload should be encoded the same: a repeat of an update
 * is known by that.
 */
export interface PayloadCodec {
  /** Changes payloads that leave. */
  encode(payloads: readonly Payload[]): readonly PayloadInit[] | Promise<readonly PayloadInit[]>;
  /** Changes payloads that come in. */
  decode(payloads: readonly Payload[]): readonly PayloadInit[] | Promise<readonly PayloadInit[]>;
}

/** How values become what the server keeps. Clients and workers that share workflows need the same. */
export interface DataConverter {
  /**
   * Applied to every payload that leaves or enters: inputs, results, signals, queries, updates, heartbeats, memos, headers, details of failures. Names, ids, reasons,
   * types of failures and search attributes stay readable, since the server works with them. Default: none.
   */
  readonly codec?: PayloadCodec;
  /** True to put messages and stack traces of failures through the codec as well; the server sees "encoded failure" in their place. Default false. */
  readonly encodesFailures?: boolean;
}

/** Payloads that a codec could not change, such as for want of a key; `cause` is what it threw. */
export class PayloadCodecError extends Error {
  override readonly name = "PayloadCodecError";
}

brandClasses({ PayloadCodecError });

const encodedFailure = "encoded failure";
const withheldFailure = "the codec could not encode this failure; what it says is in the log of the worker";

/** Gives a message with its payloads encoded; the given one stays as it is. */
export async function encodeMessage<D extends DescMessage>(
  { codec, encodesFailures = false }: DataConverter,
  schema: D,
  message: MessageShape<D>,
): Promise<MessageShape<D>> {
  if (codec === undefined) return message;
  const encoded = clone(schema, message);
  const { payloads, failures } = findPayloads(schema, encoded);
  if (encodesFailures) payloads.push(...failures.filter(hasText).map(hideAttributes));
  await change({ payloads, how: "encode", schema }, (all) => codec.encode(all));
  return encoded;
}

/** Decodes the payloads of a message in place. Throws a PayloadCodecError. */
export async function decodeMessage(
  { codec }: DataConverter,
  schema: DescMessage,
  message: Message,
): Promise<void> {
  if (codec === undefined) return;
  const { payloads, failures } = findPayloads(schema, message);
  await change({ payloads, how: "decode", schema }, (all) => codec.decode(all));
  for (const failure of failures) showAttributes(failure);
}

interface Change {
  readonly payloads: readonly Payload[];
  readonly how: "encode" | "decode";
  readonly schema: DescMessage;
}

async function change(
  { payloads, how, schema }: Change,
  changed: (payloads: readonly Payload[]) => ReturnType<PayloadCodec["encode"]>,
): Promise<void> {
  if (payloads.length === 0) return;
  try {
    const results = await changed(payloads);
    if (results.length !== payloads.length)
      throw new Error(`it gave ${results.length} payloads for ${payloads.length}`);
    for (const [index, payload] of payloads.entries()) {
      const { body, metadata } = create(PayloadSchema, results[index]);
      Object.assign(payload, { body, metadata });
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PayloadCodecError(`the codec can't ${how} a payload of ${schema.name}: ${why}`, {
      cause: error,
    });
  }
}

/** Gives a failure with nothing left that a codec would encode, for when it can't: types and retries stay, messages, stack traces and details do not. */
export function withholdText(failure: Failure): Failure {
  const withheld = clone(FailureSchema, failure);
  const { payloads, failures } = findPayloads(FailureSchema, withheld);
  for (const payload of payloads) payload.body = { case: undefined };
  for (const inner of failures) Object.assign(inner, { message: withheldFailure, stackTrace: "" });
  return withheld;
}

function hasText({ message }: Failure): boolean {
  return message !== withheldFailure;
}

/** Moves what a failure says to a payload of it, and gives that. */
function hideAttributes(failure: Failure): Payload {
  const { message, stackTrace } = failure;
  const attributes = encodePayload({ message, stackTrace }) ?? create(PayloadSchema);
  Object.assign(failure, { message: encodedFailure, stackTrace: "", encodedAttributes: attributes });
  return attributes;
}

function showAttributes(failure: Failure): void {
  if (failure.encodedAttributes === undefined) return;
  const { message, stackTrace } = decodePayload(failure.encodedAttributes) as Partial<Failure>;
  Object.assign(failure, { message: message ?? "", stackTrace: stackTrace ?? "" });
  delete failure.encodedAttributes;
}
