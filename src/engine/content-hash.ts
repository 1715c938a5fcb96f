/** The content of calls, to tell a repeat from another call with the same id. */
import { createHash } from "node:crypto";
import {
  type DescField,
  type DescMessage,
  isMessage,
  type Message,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/** Hex SHA-256 of a message. The order in which a map was sent makes no difference: clients may send it in another one each time. */
export function contentHashOf<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): string {
  const content = toBinary(schema, inOrder(schema, message) as MessageShape<Desc>);
  return createHash("sha256").update(content).digest("hex");
}

function inOrder(schema: DescMessage, message: Message): Message {
  const ordered: Message & Record<string, unknown> = { ...message };
  for (const member of schema.members) {
    if (member.kind === "field") {
      ordered[member.localName] = valueInOrder(member, ordered[member.localName]);
      continue;
    }
    const chosen = ordered[member.localName] as { readonly case?: string; readonly value?: unknown };
    const field = member.fields.find(({ localName }) => localName === chosen.case);
    if (field !== undefined)
      ordered[member.localName] = { case: chosen.case, value: valueInOrder(field, chosen.value) };
  }
  return ordered;
}

function valueInOrder(field: DescField, value: unknown): unknown {
  const { message } = field;
  const each = (part: unknown) =>
    message !== undefined && isMessage(part, message) ? inOrder(message, part) : part;
  if (field.fieldKind === "map") {
    const entries = Object.entries(value as Record<string, unknown>);
    return Object.fromEntries(
      entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, part]) => [name, each(part)]),
    );
  }
  return Array.isArray(value) ? value.map(each) : each(value);
}
