/** Search attributes and memo: what a run is found by, and what is shown with it. */
import { create, toBinary } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { WorkflowStartedSchema } from "../../gen/pawl/v1/event_pb.js";
import type { Payload } from "../../gen/pawl/v1/payload_pb.js";
import type { SearchAttributeValue } from "../../gen/pawl/v1/search_attribute_pb.js";
import { RefusedError } from "./errors.js";
import type { Limits } from "./limits.js";
import { checkPayload } from "./payload.js";
import { invalidField, sizeLimit } from "./refusals.js";
import type { RunAttributes } from "./run-state.js";
import { checkName, checkText } from "./text.js";
import { latestTime } from "./time.js";

/** What a call says of attributes and memo. */
export interface AttributeChanges {
  readonly searchAttributes: Readonly<Record<string, SearchAttributeValue>>;
  readonly memo: Readonly<Record<string, Payload>>;
}

const maxSearchAttributes = 100;

/** Refuses values that are malformed. Without `mayRemove`, one without a value is too. */
export function checkSearchAttributes(
  attributes: Readonly<Record<string, SearchAttributeValue>>,
  field: string,
  mayRemove: boolean,
): void {
  for (const [name, value] of Object.entries(attributes)) {
    const where = `${field}[${JSON.stringify(name)}]`;
    checkName(name, where);
    if (value.value.case === undefined && !mayRemove) throw invalidField(where, "must have a value");
    checkValue(value, where);
  }
}

/** Refuses a value that can't be compared. */
export function checkValue({ value }: SearchAttributeValue, field: string): void {
  switch (value.case) {
    case "keyword":
      checkText(value.value, field);
      return;
    case "number":
      if (!Number.isFinite(value.value)) throw invalidField(field, "must be a finite number");
      return;
    case "time":
      if (!isTime(value.value)) throw invalidField(field, "must be a time between the years 1685 and 2255");
      return;
    default:
      return;
  }
}

function isTime({ seconds, nanos }: { readonly seconds: bigint; readonly nanos: number }): boolean {
  const limit = BigInt(latestTime) / 1_000_000n;
  return seconds > -limit && seconds < limit && nanos >= 0 && nanos < 1_000_000_000;
}

/** Refuses memo entries that are malformed. */
export function checkMemo(memo: Readonly<Record<string, Payload>>, field: string, limits: Limits): void {
  for (const [name, payload] of Object.entries(memo)) {
    const where = `${field}[${JSON.stringify(name)}]`;
    checkName(name, where);
    checkPayload(payload, where, limits);
  }
}

/**
 * The attributes with changes merged in: an entry without a value goes. Refuses more than a run may have: 100 search attributes, and a memo of as many
 * bytes as other details (256 KiB), since every state has it.
 */
export function mergeAttributes(
  before: RunAttributes | undefined,
  changes: AttributeChanges,
  field: string,
  { maxDetailsBytes }: Pick<Limits, "maxDetailsBytes">,
): RunAttributes | undefined {
  if (isEmpty(changes.searchAttributes) && isEmpty(changes.memo)) return before;
  const searchAttributes = merge(
    before?.searchAttributes,
    changes.searchAttributes,
    ({ value }) => value.case !== undefined,
  );
  const memo = merge(before?.memo, changes.memo, ({ body }) => body.case !== undefined);
  const count = Object.keys(searchAttributes).length;
  if (count > maxSearchAttributes) throw tooManyAttributes(field, count);
  const bytes = toBinary(WorkflowStartedSchema, create(WorkflowStartedSchema, { memo })).length;
  if (bytes > maxDetailsBytes) throw sizeLimit(`${field}.memo`, maxDetailsBytes, bytes);
  return count === 0 && bytes === 0 ? undefined : { searchAttributes, memo };
}

function isEmpty(record: object): boolean {
  for (const _ in record) return false;
  return true;
}

function merge<T>(
  before: Readonly<Record<string, T>> | undefined,
  changes: Readonly<Record<string, T>>,
  isKept: (value: T) => boolean,
): Record<string, T> {
  return Object.fromEntries(Object.entries({ ...before, ...changes }).filter(([, value]) => isKept(value)));
}

function tooManyAttributes(field: string, count: number): RefusedError {
  const message = `${field}: the run would have ${count} search attributes; the limit is ${maxSearchAttributes}`;
  return new RefusedError(ErrorReason.SIZE_LIMIT, message, {
    field,
    limit: String(maxSearchAttributes),
    actual: String(count),
  });
}
