/** Points in time and spans, between the numbers that decisions use and the messages that history keeps. */
import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { invalidField } from "./refusals.js";
import type { Micros } from "./run-state.js";

/** The latest point in time that there is, in the year 2255: what would be later is then, so that every time is a whole number without loss. */
export const latestTime: Micros = 9_000_000_000_000_000;

/** The point in time so many milliseconds after another, rounded up. */
export function addMs(at: Micros, ms: number): Micros {
  return addMicros(at, Math.ceil(ms * 1000));
}

/** The point in time so many microseconds after another. */
export function addMicros(at: Micros, micros: number): Micros {
  return Math.min(at + micros, latestTime);
}

/** A point in time as a message. */
export function timestampOf(at: Micros): Timestamp {
  const seconds = Math.floor(at / 1_000_000);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: (at - seconds * 1_000_000) * 1000 });
}

/** A span of milliseconds as a message. */
export function durationOf(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return create(DurationSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round((ms - seconds * 1000) * 1_000_000),
  });
}

/** The microseconds of a span, rounded up; 0 if it is unset. Throws INVALID_FIELD if it is negative. */
export function readMicros(duration: Duration | undefined, field: string): number {
  if (duration === undefined) return 0;
  if (duration.seconds < 0n || duration.nanos < 0) throw invalidField(field, "must not be negative");
  return Number(duration.seconds) * 1_000_000 + Math.ceil(duration.nanos / 1000);
}

/** The milliseconds of a span, rounded up; undefined if it is unset or zero. Throws INVALID_FIELD if it is negative. */
export function readMs(duration: Duration | undefined, field: string): number | undefined {
  const micros = readMicros(duration, field);
  return micros === 0 ? undefined : Math.ceil(micros / 1000);
}

/** The point in time that a message says; 0 if it is unset. */
export function microsOf(timestamp: Timestamp | undefined): Micros {
  if (timestamp === undefined) return 0;
  return Number(timestamp.seconds) * 1_000_000 + Math.floor(timestamp.nanos / 1000);
}
