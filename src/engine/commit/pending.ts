/** An operation on its way through group commit. */
import type { Operation } from "./operation.js";
import type { Queued } from "./operation-queue.js";
import type { ScheduleOperation } from "./schedule-operation.js";

/** An operation that waits. */
export type AnyPending = Pending | PendingOfSchedule;

/** One on a workflow id. */
export interface Pending extends Waiting {
  readonly kind: "workflow";
  readonly operation: Operation<unknown>;
}

/** One on a schedule. */
export interface PendingOfSchedule extends Waiting {
  readonly kind: "schedule";
  readonly operation: ScheduleOperation<unknown>;
}

interface Waiting extends Queued {
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

/** The name of a schedule among all namespaces. No name of a workflow id begins like this. */
export function scheduleKey({
  namespaceId,
  scheduleId,
}: {
  namespaceId: string;
  scheduleId: string;
}): string {
  return `@${namespaceId}/${scheduleId}`;
}
