/** Makes run ids. */
import { hash, randomFillSync } from "node:crypto";

/**
 * A UUIDv7 (RFC 9562, 5.7) whose twelve bits behind the version are a hash of namespace and workflow id, so that everything of a workflow id can be
 * placed together in a distributed database.
 *
 * @param nowMs milliseconds since 1970
 */
export function makeRunId(namespaceId: string, workflowId: string, nowMs: number): string {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUIntBE(Math.floor(nowMs), 0, 6);
  bytes.writeUInt16BE(0x7000 | placementHash(namespaceId, workflowId), 6);
  randomFillSync(bytes, 8, 8);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * A run id for a run that a reset makes: it sorts behind that of the run which is left. Messages are delivered in the order of their senders' ids, so
 * that a child hears the new run last.
 */
export function makeLaterRunId(
  { namespaceId, workflowId, runId }: { namespaceId: string; workflowId: string; runId: string },
  nowMs: number,
): string {
  const earlierMs = Number.parseInt(runId.replaceAll("-", "").slice(0, 12), 16);
  return makeRunId(namespaceId, workflowId, Math.max(nowMs, earlierMs + 1));
}

/** Twelve bits of a hash of a workflow id within its namespace. */
export function placementHash(namespaceId: string, workflowId: string): number {
  return hash("sha256", `${namespaceId}\0${workflowId}`, "buffer").readUInt16BE(0) & 0x0fff;
}
