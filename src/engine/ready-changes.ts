/** Which queues got a ready task, told by the states of a run before and after. */
import type { Micros, RunState } from "../core/run-state.js";
import type { QueueName } from "../store/claim.js";

/** Calls back for each task that has become ready without a poll to hand it to. */
export function announceReady(
  before: RunState | undefined,
  after: RunState,
  announce: (queue: QueueName, position: Micros) => void,
): void {
  const { namespaceId } = after;
  const position = after.workflowTask?.readyPosition;
  if (position !== undefined && position !== before?.workflowTask?.readyPosition) {
    announce({ kind: "workflow", namespaceId, taskQueue: after.taskQueue }, position);
  }
  if (after.activities === before?.activities) return;
  for (const [seq, activity] of after.activities) {
    const { readyPosition } = activity;
    if (readyPosition === undefined || readyPosition === before?.activities.get(seq)?.readyPosition) continue;
    announce({ kind: "activity", namespaceId, taskQueue: activity.taskQueue }, readyPosition);
  }
}
