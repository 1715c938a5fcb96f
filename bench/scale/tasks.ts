/** What a worker does with the open runs: takes a task from the queue, and completes it in such a way that the run has another one there at once. */
import type { ActivityTask, WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import type { Call } from "../rpc.js";
import { taskQueue, types, type Waiting } from "./population.js";

const { method } = WorkerService;
const poll = { taskQueue, identity: "bench", maxTasks: 1, wait: {} };
const activityType = "Step";

/** A task that was taken. */
export interface Taken {
  /** What is wrong with it, if anything. */
  readonly fault: string | undefined;
  /** Completes it: a workflow task with an activity, an activity with a result, for which there is a workflow task. */
  complete(): Promise<void>;
}

/** Takes a task of a kind. */
export async function takeTask(call: Call, kind: Waiting): Promise<Taken> {
  if (kind === "workflow") {
    const { tasks } = await call(method.pollWorkflowTasks, poll);
    return { fault: faultOf(tasks), complete: () => completeWorkflow(call, tasks) };
  }
  const { tasks } = await call(method.pollActivityTasks, poll);
  return { fault: faultOf(tasks), complete: () => completeActivity(call, tasks) };
}

function faultOf(tasks: readonly { workflowType: string; attempt: number }[]): string | undefined {
  const [task] = tasks;
  if (task === undefined || tasks.length !== 1) return `a poll gave ${tasks.length} tasks and not 1`;
  if (task.workflowType !== types.open) return `a poll gave a task of type ${task.workflowType}`;
  return task.attempt === 1 ? undefined : `a poll gave attempt ${task.attempt} and not the first`;
}

async function completeWorkflow(call: Call, tasks: readonly WorkflowTask[]): Promise<void> {
  const completions = tasks.map(({ taskToken, history }) => ({
    taskToken,
    commands: [
      {
        seq: 1 + history.filter(({ kind }) => kind.case === "activityScheduled").length,
        kind: { case: "scheduleActivity" as const, value: { activityType } },
      },
    ],
  }));
  const { outcomes } = await call(method.completeWorkflowTasks, { completions });
  for (const { outcome } of outcomes) if (outcome.case === "error") throw new Error(outcome.value.message);
}

async function completeActivity(call: Call, tasks: readonly ActivityTask[]): Promise<void> {
  const completions = tasks.map(({ taskToken }) => ({
    target: { case: "taskToken" as const, value: taskToken },
    outcome: { case: "result" as const, value: { body: { case: "json" as const, value: "1" } } },
  }));
  const { outcomes } = await call(method.completeActivityTasks, { completions });
  for (const { outcome } of outcomes) if (outcome.case === "error") throw new Error(outcome.value.message);
}
