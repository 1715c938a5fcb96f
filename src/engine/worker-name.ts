/** Workers by name, and by the hash that hints of other servers name them with. */
import { createHash } from "node:crypto";

/** Names a worker: its id means something within its namespace alone. */
export interface WorkerName {
  readonly namespaceId: string;
  readonly workerId: string;
}

/** The name as a key. */
export function workerKey({ namespaceId, workerId }: WorkerName): string {
  return `${namespaceId}/${workerId}`;
}

/** The name of a worker in hints: 16 hex digits. */
export function workerHash(name: WorkerName): string {
  return createHash("sha256").update(workerKey(name)).digest("hex").slice(0, 16);
}
