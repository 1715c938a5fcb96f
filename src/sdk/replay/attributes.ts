/** What a run is found by and shown with. */
import type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
import type { SearchAttributeValue } from "../../../gen/pawl/v1/search_attribute_pb.js";
import { decodePayload } from "../payload.js";
import {
  decodeAttributes,
  encodeAttributes,
  type SearchAttribute,
  type SearchAttributeChanges,
} from "../search-attributes.js";
import { encodeMemo } from "../start-options.js";
import type { RunParts } from "./run-parts.js";

/** The attributes and the memo of a run, as they are now. */
export interface Attributes {
  searchAttributes: Record<string, SearchAttributeValue>;
  memo: Record<string, Payload>;
}

/** Changes search attributes: those that are named, and no others. */
export function upsertAttributes({ log, attributes }: RunParts, changes: SearchAttributeChanges): void {
  const searchAttributes = encodeAttributes(changes);
  log.add({ case: "upsertSearchAttributes", value: { searchAttributes } });
  mergeAttributes(attributes, searchAttributes);
}

/** Takes over search attributes that changed. */
export function mergeAttributes(
  attributes: Attributes,
  changes: Readonly<Record<string, SearchAttributeValue>>,
): void {
  attributes.searchAttributes = { ...attributes.searchAttributes, ...changes };
}

/** Changes entries of the memo: those that are named, and no others. */
export function upsertMemo({ log, attributes }: RunParts, changes: Readonly<Record<string, unknown>>): void {
  const memo = encodeMemo(changes);
  log.add({ case: "upsertMemo", value: { memo } });
  attributes.memo = { ...attributes.memo, ...memo };
}

/** The search attributes as code reads them. */
export function attributesOf({ attributes }: RunParts): Record<string, SearchAttribute> {
  return decodeAttributes(attributes.searchAttributes);
}

/** The memo as code reads it. */
export function memoOf({ attributes }: RunParts): Record<string, unknown> {
  const entries = Object.entries(attributes.memo).filter(([, { body }]) => body.case !== undefined);
  return Object.fromEntries(entries.map(([name, payload]) => [name, decodePayload(payload)]));
}
