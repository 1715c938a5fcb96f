/** Page tokens: where a listing goes on, bound to the query that it came from. */
import { createHash } from "node:crypto";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";

/** Where a read of history goes on: behind `after`, and no further than `through` if that is set. */
export interface HistoryPosition {
  readonly runId: string;
  readonly after: number;
  readonly through?: number;
  readonly isDescending?: boolean;
}

/** Makes a token for a position of any listing; `query` is what must be the same on the next page. */
export function writePageToken(query: unknown, position: unknown): string {
  return Buffer.from(JSON.stringify([hashOf(query), position])).toString("base64url");
}

/** Reads a token. Throws INVALID_PAGE_TOKEN for one that is malformed or of another query. */
export function readPageToken<T>(
  token: string,
  query: unknown,
  isPosition: (value: unknown) => value is T,
): T {
  const parts = parse(token);
  if (!Array.isArray(parts) || parts.length !== 2) throw invalidPageToken("is malformed");
  if (parts[0] !== hashOf(query)) throw invalidPageToken("belongs to another query");
  const position: unknown = parts[1];
  if (!isPosition(position)) throw invalidPageToken("is malformed");
  return position;
}

/** The workflow whose history is read. */
export interface HistoryOwner {
  readonly namespaceId: string;
  readonly workflowId: string;
}

/** Makes a token for a read of history. */
export function writeHistoryPageToken(owner: HistoryOwner, position: HistoryPosition): string {
  return writePageToken(historyQuery(owner), position);
}

/** Reads a token of a read of history. Throws INVALID_PAGE_TOKEN for one of another workflow too. */
export function readHistoryPageToken(token: string, owner: HistoryOwner): HistoryPosition {
  return readPageToken(token, historyQuery(owner), isHistoryPosition);
}

function historyQuery({ namespaceId, workflowId }: HistoryOwner): unknown {
  return ["history", namespaceId, workflowId];
}

function isHistoryPosition(value: unknown): value is HistoryPosition {
  if (typeof value !== "object" || value === null) return false;
  const { runId, after, through } = value as { runId?: unknown; after?: unknown; through?: unknown };
  return typeof runId === "string" && isEventId(after) && (through === undefined || isEventId(through));
}

/** Whether a value can be asked the database for as an event id. */
function isEventId(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 31;
}

function parse(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    throw invalidPageToken("is malformed");
  }
}

function hashOf(query: unknown): string {
  return createHash("sha256").update(JSON.stringify(query)).digest("base64url").slice(0, 12);
}

/** The error of a page token that is not good here. */
export function invalidPageToken(why: string): RefusedError {
  return new RefusedError(ErrorReason.INVALID_PAGE_TOKEN, `the page token ${why}: start over without one`, {
    field: "page_token",
  });
}
