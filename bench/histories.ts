/** Reads a sample of histories over the API and compares them event by event with what each must be. */
import { WorkflowService } from "../gen/pawl/v1/workflow_service_pb.js";
import type { Call } from "./rpc.js";
import type { Workload } from "./workloads.js";

const sampleSize = 20;
const workflowTask = ["workflowTaskScheduled", "workflowTaskStarted", "workflowTaskCompleted"];
const activity = ["activityScheduled", "activityStarted", "activityCompleted"];

/** Answers what is wrong with the newest runs of a workload. */
export async function findHistoryFaults(call: Call, workload: Workload): Promise<string[]> {
  const { method } = WorkflowService;
  const filter = { workflowType: workload.workflowType };
  const { workflows } = await call(method.listWorkflows, { filter, pageSize: sampleSize });
  const expected = kindsOfRun(workload.activities).join(" ");
  const faults = await Promise.all(
    workflows.map(async ({ workflowId, runId }) => {
      const { events } = await call(method.getHistory, { workflowId, runId, pageSize: 1_000 });
      const kinds = events.map(({ kind }) => kind.case).join(" ");
      const isDense = events.every(({ eventId }, index) => eventId === index + 1);
      return kinds === expected && isDense ? [] : [`the history of ${workflowId} is ${kinds}`];
    }),
  );
  return faults.flat();
}

function kindsOfRun(activities: number): string[] {
  const steps = Array.from({ length: activities }, () => [...activity, ...workflowTask]);
  return ["workflowStarted", ...workflowTask, ...steps.flat(), "workflowCompleted"];
}
