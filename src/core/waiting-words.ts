/** Words that the explanations of waits share. */
import type { Failure } from "../../gen/pawl/v1/failure_pb.js";
import type { Micros } from "./run-state.js";

/** How many things of a kind are told of one by one. */
export const maxNamed = 10;

/** The longest that is told of a failure: a difference to history, with both sides, fits. */
const maxMessage = 500;

/** A time as people read it. */
export function iso(at: Micros): string {
  return new Date(Math.floor(at / 1_000)).toISOString();
}

/** What a failure says. */
export function messageOf({ message }: Failure): string {
  return message.length > maxMessage ? `${message.slice(0, maxMessage)}…` : message;
}

/** A worker by its name for people. */
export function nameOf({
  identity,
  workerId,
}: {
  readonly identity: string;
  readonly workerId: string;
}): string {
  return `"${identity || workerId || "anonymous"}"`;
}
