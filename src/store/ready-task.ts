/** The rows of tasks that nobody was waiting for, as they follow from the state of their run. */
import type { Micros, RunState } from "../core/run-state.js";

/** A row among the ready tasks. */
export interface ReadyTask {
  readonly namespaceId: string;
  readonly kind: number;
  readonly taskQueue: string;
  readonly type: string;
  readonly priority: number;
  readonly position: Micros;
  readonly runId: string;
  /** 0 for a workflow task. */
  readonly seq: number;
  readonly workflowId: string;
}

/** How kinds of tasks are stored. */
export const taskKinds = { workflow: 1, activity: 2 } as const;

/** The rows of a run: of each task that has a place in a queue and no holder. */
export function readyTasks(run: RunState): ReadyTask[] {
  const { namespaceId, workflowId, runId, workflowTask } = run;
  const tasks: ReadyTask[] = [];
  if (workflowTask?.readyPosition !== undefined && workflowTask.lease === undefined) {
    tasks.push({
      namespaceId,
      kind: taskKinds.workflow,
      taskQueue: run.taskQueue,
      type: run.workflowType,
      priority: run.settings.priority,
      position: workflowTask.readyPosition,
      runId,
      seq: 0,
      workflowId,
    });
  }
  for (const activity of run.activities.values()) {
    if (activity.readyPosition === undefined || activity.lease !== undefined) continue;
    tasks.push({
      namespaceId,
      kind: taskKinds.activity,
      taskQueue: activity.taskQueue,
      type: activity.activityType,
      priority: activity.priority,
      position: activity.readyPosition,
      runId,
      seq: activity.seq,
      workflowId,
    });
  }
  return tasks;
}

/** Whether two rows of one task of one run are the same row. */
export function sameReadyTask(a: ReadyTask, b: ReadyTask): boolean {
  return (
    a.position === b.position && a.priority === b.priority && a.taskQueue === b.taskQueue && a.type === b.type
  );
}
