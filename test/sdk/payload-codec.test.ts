import { create, type DescField, type DescMessage, equals, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";
import { FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { ScheduleService } from "../../gen/pawl/v1/schedule_service_pb.js";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { encodeFailure } from "../../src/sdk/failure-codec.js";
import { ApplicationFailure } from "../../src/sdk/failures.js";
import { decodePayload, payloadFromBytes } from "../../src/sdk/payload.js";
import {
  type DataConverter,
  decodeMessage,
  encodeMessage,
  type PayloadCodec,
  PayloadCodecError,
  withholdText,
} from "../../src/sdk/payload-codec.js";

const secret = "what the server must not see";

/** Turns every byte around, so that no text of it is left. */
const inverting: PayloadCodec = {
  encode: (payloads) =>
    payloads.map((payload) => ({
      body: { case: "data", value: toBinary(PayloadSchema, payload).map((byte) => byte ^ 0xff) },
      metadata: { encoding: Buffer.from("binary/inverted") },
    })),
  decode: async (payloads) =>
    payloads.map(({ body }) => {
      const bytes = body.case === "data" ? body.value.map((byte) => byte ^ 0xff) : new Uint8Array();
      return payloadFromBytes(bytes);
    }),
};

/** Messages of a type with all that can be in them set, a secret in every payload and failure: one for each choice of a oneof. */
function fill(schema: DescMessage, depth = 0): Message[] {
  if (schema.typeName === PayloadSchema.typeName) {
    return [create(PayloadSchema, { body: { case: "json", value: JSON.stringify(secret) } })];
  }
  if (depth > 6) return [create(schema)];
  const fields = schema.fields.flatMap((field) => fillField(field, depth).map((value) => ({ field, value })));
  const messages: Message[] = [];
  const plain = create(schema);
  for (const { field, value } of fields) {
    if (field.oneof === undefined) set(plain, schema, field, value);
    else {
      const chosen = create(schema);
      set(chosen, schema, field, value);
      messages.push(chosen);
    }
  }
  if (schema.typeName === FailureSchema.typeName)
    Object.assign(plain, { message: secret, stackTrace: secret, encodedAttributes: undefined });
  return [plain, ...messages];
}

function fillField(field: DescField, depth: number): unknown[] {
  if (field.fieldKind === "scalar" || field.fieldKind === "enum" || field.message === undefined) return [];
  const inner = fill(field.message, depth + 1);
  if (field.fieldKind === "message") return field.oneof === undefined ? inner.slice(0, 1) : inner;
  if (field.fieldKind === "list") return [inner];
  return [Object.fromEntries(inner.map((message, index) => [`key ${index}`, message]))];
}

function set(message: Message, schema: DescMessage, field: DescField, value: unknown): void {
  if (field.fieldKind === "message")
    reflect(schema, message).set(field, reflect(field.message, value as never));
  else Object.assign(message, { [field.localName]: value });
}

const messages = [WorkflowService, WorkerService, ScheduleService].flatMap(({ methods }) =>
  methods.flatMap(({ input, output }) => [input, output]),
);

test("no payload of any request or answer is missed, messages and stack traces of failures included", async () => {
  const converter: DataConverter = { codec: inverting, encodesFailures: true };
  let withSecrets = 0;
  for (const schema of messages) {
    for (const message of fill(schema)) {
      const before = toBinary(schema, message as never);
      const encoded = await encodeMessage(converter, schema, message);
      const sent = Buffer.from(toBinary(schema, encoded as never));
      expect(sent.includes(secret), `${schema.name} shows what is secret`).toBe(false);
      expect(Buffer.from(toBinary(schema, message as never)).equals(before), "the message was changed").toBe(
        true,
      );
      if (Buffer.from(before).includes(secret)) withSecrets++;
      await decodeMessage(converter, schema, encoded);
      expect(equals(schema, encoded as never, message as never), `${schema.name} comes back`).toBe(true);
    }
  }
  expect(withSecrets).toBeGreaterThan(40);
});

test("messages of failures stay readable unless they shall not", async () => {
  const failure = create(FailureSchema, {
    message: "declined",
    kind: {
      case: "application",
      value: { type: "CardDeclined", details: { body: { case: "json", value: '"gold"' } } },
    },
  });
  const encoded = await encodeMessage({ codec: inverting }, FailureSchema, failure);
  expect(encoded).toMatchObject({ message: "declined", kind: { value: { type: "CardDeclined" } } });
  expect(Buffer.from(toBinary(FailureSchema, encoded as never)).includes("gold")).toBe(false);
});

test("a payload without a body stays without one, since it removes an entry", async () => {
  const empty = create(PayloadSchema);
  expect(await encodeMessage({ codec: inverting }, PayloadSchema, empty)).toEqual(empty);
});

test("what a codec throws is said with the message it concerns", async () => {
  const codec: PayloadCodec = {
    encode: () => [],
    decode: () => {
      throw new Error('there is no key "k2"');
    },
  };
  const payload = create(PayloadSchema, { body: { case: "json", value: "1" } });
  const decoded = decodeMessage({ codec }, PayloadSchema, payload);
  await expect(decoded).rejects.toThrow('the codec can\'t decode a payload of Payload: there is no key "k2"');
  await expect(decoded).rejects.toBeInstanceOf(PayloadCodecError);
  const encoded = encodeMessage({ codec }, PayloadSchema, payload);
  await expect(encoded).rejects.toThrow("it gave 0 payloads for 1");
});

test("a payload that only a codec can decode is not taken for bytes", () => {
  const metadata = { encoding: Buffer.from("binary/encrypted") };
  const payload = create(PayloadSchema, { body: { case: "data", value: new Uint8Array(3) }, metadata });
  expect(() => decodePayload(payload)).toThrow('encoded as "binary/encrypted": give this client or worker');
});

test("a failure whose text is withheld goes without a codec, and keeps what retries are decided by", async () => {
  const broken: PayloadCodec = {
    encode() {
      throw new Error("there is no key");
    },
    decode: (payloads) => payloads,
  };
  const cause = new ApplicationFailure(secret, {
    type: "CardDeclined",
    isNonRetryable: true,
    details: secret,
  });
  const failure = withholdText(encodeFailure(new Error(secret, { cause })));
  const converter = { codec: broken, encodesFailures: true };
  const encoded = await encodeMessage(converter, FailureSchema, failure);
  expect(Buffer.from(toBinary(FailureSchema, encoded as never)).includes(secret)).toBe(false);
  expect(encoded).toMatchObject({
    message: "the codec could not encode this failure; what it says is in the log of the worker",
    cause: { kind: { value: { type: "CardDeclined", nonRetryable: true } } },
  });
});
