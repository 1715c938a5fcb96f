/**
 * The worker's process: polls, and answers each workflow task by its newest event, without replay. What is measured is the server, so the worker does as
 * little as a worker can.
 */
import { create } from "@bufbuild/protobuf";
import { CommandSchema } from "../gen/pawl/v1/command_pb.js";
import { ErrorReason, type OperationError } from "../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../gen/pawl/v1/event_pb.js";
import type { Payload } from "../gen/pawl/v1/payload_pb.js";
import type { ActivityTask, WorkflowTask } from "../gen/pawl/v1/task_pb.js";
import { WorkerService } from "../gen/pawl/v1/worker_service_pb.js";
import { openCalls } from "./rpc.js";
import { activitiesOfType, activityType, addOne, countOf, taskQueue } from "./workloads.js";

const [address = "", polls = "2"] = process.argv.slice(2);
const { call } = openCalls(address);
const { method } = WorkerService;

// Goes with the process that started it, however that ends.
process.on("disconnect", () => process.exit(0));

const { workerId, heartbeatInterval } = await call(method.registerWorker, {
  worker: {
    identity: "bench",
    taskQueues: [taskQueue],
    workflowTypes: [...activitiesOfType.keys()],
    activityTypes: [activityType],
  },
});
const poll = { taskQueue, workerId, maxTasks: 64 };
setInterval(
  () => void call(method.heartbeatWorker, { workerId }).catch(fail),
  Number(heartbeatInterval?.seconds ?? 10n) * 1_000,
);
for (let n = 0; n < Number(polls); n++) {
  void runWorkflows().catch(fail);
  void runActivities().catch(fail);
}
process.send?.({ kind: "ready" });

async function runWorkflows(): Promise<never> {
  for (;;) {
    const { tasks } = await call(method.pollWorkflowTasks, { ...poll, isCaching: true });
    if (tasks.length > 0) void completeWorkflows(tasks).catch(fail);
  }
}

async function runActivities(): Promise<never> {
  for (;;) {
    const { tasks } = await call(method.pollActivityTasks, poll);
    if (tasks.length > 0) void completeActivities(tasks).catch(fail);
  }
}

async function completeWorkflows(tasks: readonly WorkflowTask[]): Promise<void> {
  const completions = tasks.map((task) => ({ taskToken: task.taskToken, commands: [decide(task)] }));
  const { outcomes } = await call(method.completeWorkflowTasks, { workerId, completions });
  for (const { outcome } of outcomes) if (outcome.case === "error") refused(outcome.value);
}

async function completeActivities(tasks: readonly ActivityTask[]): Promise<void> {
  const completions = tasks.map((task) => ({
    target: { case: "taskToken" as const, value: task.taskToken },
    outcome: { case: "result" as const, value: addOne(task.input) },
  }));
  const { outcomes } = await call(method.completeActivityTasks, { workerId, completions });
  for (const { outcome } of outcomes) if (outcome.case === "error") refused(outcome.value);
}

/** What the workflow does next: its value so far tells how many activities there were. */
function decide(task: WorkflowTask) {
  const value = newestValue(task.history);
  const count = countOf(value);
  if (count === activitiesOfType.get(task.workflowType)) {
    return create(CommandSchema, {
      seq: count + 1,
      kind: { case: "completeWorkflow", value: value === undefined ? {} : { result: value } },
    });
  }
  return create(CommandSchema, {
    seq: count + 1,
    kind: {
      case: "scheduleActivity",
      value: { activityType, ...(value === undefined ? {} : { input: value }) },
    },
  });
}

function newestValue(history: readonly HistoryEvent[]): Payload | undefined {
  for (const { kind } of history.toReversed()) {
    if (kind.case === "activityCompleted") return kind.value.result;
    if (kind.case === "workflowStarted") return kind.value.input;
  }
  throw new Error("a workflow task came with nothing new");
}

/** A lease that ran out is tried again by the server, and shows in the count of events; anything else is a fault. */
function refused(error: OperationError): void {
  if (error.reason !== ErrorReason.STALE_LEASE) fail(new Error(error.message));
}

function fail(error: unknown): void {
  console.error("the worker failed:", error);
  process.exit(1);
}
