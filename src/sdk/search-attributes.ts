/** Search attributes as code writes them. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type SearchAttributeValue,
  SearchAttributeValueSchema,
} from "../../gen/pawl/v1/search_attribute_pb.js";

/** A value to find runs by: a text is a keyword, a bigint a whole number, a number a floating point number, a Date a point in time. */
export type SearchAttribute = string | bigint | number | boolean | Date;

/** Values to find runs by, by name; the messages of the API serve as well. */
export type SearchAttributes = Readonly<
  Record<string, SearchAttribute | MessageInitShape<typeof SearchAttributeValueSchema>>
>;

/** Values that change; `null` removes one. */
export type SearchAttributeChanges = Readonly<Record<string, SearchAttributes[string] | null>>;

/** Encodes values by name. */
export function encodeAttributes(attributes: SearchAttributeChanges): Record<string, SearchAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      create(SearchAttributeValueSchema, encodeAttribute(value)),
    ]),
  );
}

/** Decodes values by name; one without a value is left out. */
export function decodeAttributes(
  attributes: Readonly<Record<string, SearchAttributeValue>>,
): Record<string, SearchAttribute> {
  const decoded: Record<string, SearchAttribute> = {};
  for (const [name, { value }] of Object.entries(attributes)) {
    if (value.case === "time") decoded[name] = timestampDate(value.value);
    else if (value.case !== undefined) decoded[name] = value.value;
  }
  return decoded;
}

function encodeAttribute(
  value: SearchAttributeChanges[string],
): MessageInitShape<typeof SearchAttributeValueSchema> {
  if (value === null) return {};
  if (value instanceof Date) return { value: { case: "time", value: timestampFromDate(value) } };
  switch (typeof value) {
    case "string":
      return { value: { case: "keyword", value } };
    case "bigint":
      return { value: { case: "integer", value } };
    case "number":
      return { value: { case: "number", value } };
    case "boolean":
      return { value: { case: "boolean", value } };
    default:
      return value;
  }
}
