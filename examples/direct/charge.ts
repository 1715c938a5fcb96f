/** A worker of activities, with nothing but the generated client. */
import type { Client } from "@connectrpc/connect";
import type { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";

/** Takes charges and answers them, until the signal is aborted. */
export async function workOnCharges(
  worker: Client<typeof WorkerService>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const { tasks } = await pollOnce(worker, signal);
    if (tasks.length === 0) continue;
    await worker.completeActivityTasks({
      completions: tasks.map(({ taskToken, runId, seq }) => ({
        target: { case: "taskToken", value: taskToken },
        outcome: {
          case: "result",
          value: { body: { case: "json", value: JSON.stringify(`receipt ${runId}/${seq}`) } },
        },
      })),
    });
  }
}

async function pollOnce(worker: Client<typeof WorkerService>, signal: AbortSignal) {
  try {
    return await worker.pollActivityTasks(
      { taskQueue: "payments", activityTypes: ["charge"], maxTasks: 10, wait: { seconds: 20n } },
      { signal },
    );
  } catch (error) {
    if (signal.aborted) return { tasks: [] };
    throw error;
  }
}
