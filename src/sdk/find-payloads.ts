/** Payloads within messages, found by the descriptors, so that none is missed that a later version of the API adds. */
import type { DescField, DescMessage, DescOneof, Message } from "@bufbuild/protobuf";
import { type Failure, FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { type Payload, PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";

/** What a message has in it. */
export interface FoundPayloads {
  /** All payloads that have a body. */
  readonly payloads: Payload[];
  /** All failures, causes included. */
  readonly failures: Failure[];
}

/** A field behind which there may be payloads. */
interface Step {
  readonly name: string;
  readonly oneof: DescOneof | undefined;
  readonly kind: "message" | "list" | "map";
  readonly schema: DescMessage;
}

/** Messages are of a few types, whose fields are looked through once. */
const plans = new Map<DescMessage, readonly Step[]>();

/** Finds the payloads and failures of a message, at every depth. */
export function findPayloads(schema: DescMessage, message: Message): FoundPayloads {
  const found: FoundPayloads = { payloads: [], failures: [] };
  visit(schema, message, found);
  return found;
}

function visit(schema: DescMessage, message: Message, found: FoundPayloads): void {
  if (schema.typeName === PayloadSchema.typeName) {
    const payload = message as Payload;
    if (payload.body.case !== undefined) found.payloads.push(payload);
    return;
  }
  if (schema.typeName === FailureSchema.typeName) found.failures.push(message as Failure);
  for (const step of planOf(schema)) {
    for (const inner of valuesOf(message, step)) visit(step.schema, inner, found);
  }
}

function valuesOf(message: Message, { name, oneof, kind }: Step): readonly Message[] {
  // Descriptors say what the fields hold, which types can't.
  const fields = message as unknown as Record<string, unknown>;
  if (oneof !== undefined) {
    const chosen = fields[oneof.localName] as { readonly case?: string; readonly value?: Message };
    return chosen.case === name && chosen.value !== undefined ? [chosen.value] : [];
  }
  const value = fields[name];
  if (value === undefined) return [];
  if (kind === "message") return [value as Message];
  return kind === "list" ? (value as Message[]) : Object.values(value as Record<string, Message>);
}

function planOf(schema: DescMessage): readonly Step[] {
  let plan = plans.get(schema);
  if (plan === undefined) {
    plan = schema.fields.flatMap((field) => stepOf(field) ?? []);
    plans.set(schema, plan);
  }
  return plan;
}

function stepOf(field: DescField): Step | undefined {
  const schema = messageOf(field);
  if (schema === undefined || !leadsToPayload(schema, new Set())) return undefined;
  const kind = field.fieldKind === "list" || field.fieldKind === "map" ? field.fieldKind : "message";
  return { name: field.localName, oneof: field.oneof, kind, schema };
}

function leadsToPayload(schema: DescMessage, seen: Set<DescMessage>): boolean {
  if (schema.typeName === PayloadSchema.typeName || schema.typeName === FailureSchema.typeName) return true;
  if (seen.has(schema)) return false;
  seen.add(schema);
  return schema.fields.some((field) => {
    const inner = messageOf(field);
    return inner !== undefined && leadsToPayload(inner, seen);
  });
}

function messageOf(field: DescField): DescMessage | undefined {
  return field.fieldKind === "enum" || field.fieldKind === "scalar" ? undefined : field.message;
}
