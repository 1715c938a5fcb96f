/** An operation on its way through group commit. */
import type { Operation } from "./operation.js";
import type { Queued } from "./operation-queue.js";

/** An operation that waits. */
export interface Pending extends Queued {
  readonly operation: Operation<unknown>;
  resolve(outcome: unknown): void;
  reject(error: unknown): void;
  /** How often its unit was not written since another had the rows. */
  lost: number;
  /** The next decision must rest on a loaded state. */
  mustLoad: boolean;
}

/** The name of a workflow id among all namespaces. */
export function workflowKey({
  namespaceId,
  workflowId,
}: {
  namespaceId: string;
  workflowId: string;
}): string {
  return `${namespaceId}/${workflowId}`;
}
