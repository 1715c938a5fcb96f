/** How large responses get. gRPC's clients take messages of 4 MiB unless they are told otherwise: as large as a request may be by default. */
import type { EngineParts } from "./parts.js";

/** By how much a response stays below that, and what its page token may have of it, in bytes. */
const margin = 64 * 1024;
const tokenBytes = 2 * 1024;

/** What stands around an element of a response: its tag and its length. */
export const elementBytes = 8;

type RequestBound = Pick<EngineParts, "maxRequestBytes">;

/** The most that a response may have, in bytes. */
export function mostResponseBytes({ maxRequestBytes }: RequestBound): number {
  return maxRequestBytes - margin;
}

/** The most that the elements of a page may have, in bytes. */
export function mostPageBytes(bound: RequestBound): number {
  return mostResponseBytes(bound) - tokenBytes;
}
