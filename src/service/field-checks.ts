/**
 * What holds for every field of every request, whatever its message says: texts that Postgres can store, ids of bounded length, numbers that are
 * numbers, times and durations within their range, JSON payloads that are JSON. The checks of a message are worked out once, from its descriptor.
 */
import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { Violation } from "./invalid-request-error.js";

/** The longest id or name, in bytes of UTF-8. */
export const maxIdBytes = 256;

type Step = string | number;
type Trail = readonly Step[];
type Report = (trail: Trail, problem: Problem) => void;
/** Checks one value and reports under the way to it. */
type Check = (value: unknown, trail: Trail, report: Report) => void;

interface Problem {
  readonly reason: ErrorReason;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Texts for people and opaque tokens, which may be longer than an id. */
const freeTexts = new Set(["description", "details", "note", "page_token", "reason", "uri"]);
/** The file whose messages the server keeps as bytes, so that any text will do. Payloads within them are checked all the same. */
const opaqueFile = "pawl/v1/failure";

const unstorable = /[\0\p{Surrogate}]/u;
const maxDurationSeconds = 315_576_000_000n;
const minTimestampSeconds = -62_135_596_800n;
const maxTimestampSeconds = 253_402_300_799n;
const nanosPerSecond = 1_000_000_000;

const cache = new Map<DescMessage, Check | undefined>();

/** Finds what is wrong with a request, beside its own rules. */
export function checkFields(schema: DescMessage, request: Message): Violation[] {
  const violations: Violation[] = [];
  checkOfMessage(schema)?.(request, [], (path, { reason, message, metadata }) => {
    const field = formatPath(path);
    violations.push({ field, path, reason, message, metadata: { field, ...metadata } });
  });
  return violations;
}

/** Writes a way to a field as `completions[0].commands[2].seq`. */
export function formatPath(path: Trail): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

function checkOfMessage(schema: DescMessage): Check | undefined {
  if (cache.has(schema)) return cache.get(schema);
  if (schema.typeName === "pawl.v1.Payload") return remember(schema, checkPayload);
  if (schema.typeName === "google.protobuf.Duration") return remember(schema, checkDuration);
  if (schema.typeName === "google.protobuf.Timestamp") return remember(schema, checkTimestamp);
  // Messages may contain themselves: whoever asks meanwhile gets one that looks it up when it is called.
  cache.set(schema, (value, trail, report) => cache.get(schema)?.(value, trail, report));
  const isOpaque = schema.file.name === opaqueFile;
  const checks = schema.fields.flatMap((field) => {
    const check = checkOfField(field, isOpaque);
    return check === undefined ? [] : [{ field, check }];
  });
  if (checks.length === 0) return remember(schema, undefined);
  return remember(schema, (value, trail, report) => {
    for (const { field, check } of checks) {
      const content = read(value, field);
      if (content !== undefined) check(content, [...trail, field.name], report);
    }
  });
}

function remember(schema: DescMessage, check: Check | undefined): Check | undefined {
  cache.set(schema, check);
  return check;
}

/** Reads a field of a message that is known by its descriptor only. */
function read(message: unknown, field: DescField): unknown {
  const fields = message as Readonly<Record<string, unknown>>;
  if (field.oneof === undefined) return fields[field.localName];
  const choice = fields[field.oneof.localName] as { readonly case?: string; readonly value?: unknown };
  return choice.case === field.localName ? choice.value : undefined;
}

function checkOfField(field: DescField, isOpaque: boolean): Check | undefined {
  switch (field.fieldKind) {
    case "message":
      return checkOfMessage(field.message);
    case "scalar":
      return isOpaque ? undefined : checkOfScalar(field.scalar, field.name);
    case "enum":
      return undefined;
    case "list":
      return eachItem(
        field.listKind === "message"
          ? checkOfMessage(field.message)
          : field.listKind === "scalar" && !isOpaque
            ? checkOfScalar(field.scalar, field.name)
            : undefined,
      );
    case "map": {
      const value = field.mapKind === "message" ? checkOfMessage(field.message) : undefined;
      return isOpaque ? undefined : eachEntry(value);
    }
  }
}

function eachItem(check: Check | undefined): Check | undefined {
  if (check === undefined) return undefined;
  return (list, trail, report) => {
    if (!Array.isArray(list)) return;
    list.forEach((item, index) => {
      check(item, [...trail, index], report);
    });
  };
}

function eachEntry(check: Check | undefined): Check {
  return (map, trail, report) => {
    for (const [key, value] of Object.entries(map as Readonly<Record<string, unknown>>)) {
      checkId(key, [...trail, key], report);
      check?.(value, [...trail, key], report);
    }
  };
}

function checkOfScalar(type: ScalarType, name: string): Check | undefined {
  if (type === ScalarType.STRING) return freeTexts.has(name) ? checkText : checkId;
  if (type === ScalarType.DOUBLE || type === ScalarType.FLOAT) return checkNumber;
  return undefined;
}

const checkText: Check = (value, trail, report) => {
  if (typeof value === "string" && unstorable.test(value)) {
    report(trail, {
      reason: ErrorReason.INVALID_FIELD,
      message: "must have no character U+0000 and no half of a surrogate pair",
    });
  }
};

const checkId: Check = (value, trail, report) => {
  checkText(value, trail, report);
  if (typeof value !== "string" || value.length * 3 <= maxIdBytes) return;
  const bytes = Buffer.byteLength(value);
  if (bytes <= maxIdBytes) return;
  report(trail, {
    reason: ErrorReason.SIZE_LIMIT,
    message: `has ${bytes} bytes, more than the ${maxIdBytes} that an id or a name may have`,
    metadata: { limit: String(maxIdBytes), actual: String(bytes) },
  });
};

const checkNumber: Check = (value, trail, report) => {
  if (Number.isFinite(value)) return;
  report(trail, { reason: ErrorReason.INVALID_FIELD, message: "must be a finite number" });
};

const checkPayload: Check = (value, trail, report) => {
  const { body } = value as { readonly body: { readonly case?: string; readonly value?: unknown } };
  if (body.case !== "json" || isJson(body.value)) return;
  report([...trail, "json"], { reason: ErrorReason.INVALID_PAYLOAD, message: "is not JSON" });
};

function isJson(text: unknown): boolean {
  try {
    JSON.parse(String(text));
    return true;
  } catch {
    return false;
  }
}

const checkDuration: Check = (value, trail, report) => {
  const { seconds, nanos } = value as { readonly seconds: bigint; readonly nanos: number };
  const isInRange =
    seconds >= -maxDurationSeconds &&
    seconds <= maxDurationSeconds &&
    Math.abs(nanos) < nanosPerSecond &&
    (seconds === 0n || nanos === 0 || seconds > 0n === nanos > 0);
  if (!isInRange) report(trail, { reason: ErrorReason.INVALID_FIELD, message: "is not a valid duration" });
};

const checkTimestamp: Check = (value, trail, report) => {
  const { seconds, nanos } = value as { readonly seconds: bigint; readonly nanos: number };
  const isInRange =
    seconds >= minTimestampSeconds && seconds <= maxTimestampSeconds && nanos >= 0 && nanos < nanosPerSecond;
  if (!isInRange) report(trail, { reason: ErrorReason.INVALID_FIELD, message: "is not a valid time" });
};
