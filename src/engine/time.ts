/** Times and durations of requests as the engine counts them. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import type { Micros } from "../core/run-state.js";

/** A message as a point in time. */
export function microsFromTimestamp(time: Timestamp): Micros {
  return Number(time.seconds) * 1_000_000 + Math.floor(time.nanos / 1_000);
}

/** A message as milliseconds; undefined stays undefined. */
export function msFromDuration(duration: Duration): number;
export function msFromDuration(duration: Duration | undefined): number | undefined;
export function msFromDuration(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  return Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
}
