/** The events of a task that did not come with it. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import type { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { UnaryClient } from "../connection.js";

/** What reading history needs. */
export interface HistoryParts {
  readonly rpc: UnaryClient<typeof WorkflowService>;
  readonly namespace: string;
}

const pageSize = 1_000;
const historyRetryMs = 10_000;

/** The task with the further pages of its history, if there are any. */
export async function withFurtherPages(parts: HistoryParts, task: WorkflowTask): Promise<WorkflowTask> {
  if (task.nextPageToken === "") return task;
  const further = await readHistory(parts, task, task.nextPageToken);
  return { ...task, history: [...task.history, ...further], nextPageToken: "" };
}

/** The task with the history of its run from the first event. */
export async function withWholeHistory(parts: HistoryParts, task: WorkflowTask): Promise<WorkflowTask> {
  const history = await readHistory(parts, task, "");
  return { ...task, history, historyAfterEventId: 0, nextPageToken: "" };
}

async function readHistory(
  { namespace, rpc }: HistoryParts,
  { workflowId, runId }: WorkflowTask,
  firstToken: string,
): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  for (let pageToken = firstToken; ; ) {
    const request = { namespace, workflowId, runId, pageSize, pageToken };
    const page = await rpc.getHistory(request, { retryForMs: historyRetryMs });
    events.push(...page.events);
    if (page.nextPageToken === "") return events;
    pageToken = page.nextPageToken;
  }
}
