/** The events of a task that did not come with it. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { WorkflowTaskSchema } from "../../../gen/pawl/v1/task_pb.js";
import type { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { UnaryClient } from "../connection.js";
import type { SealedTask } from "./sealed-tasks.js";

/** What reading history needs. */
export interface HistoryParts {
  readonly rpc: UnaryClient<typeof WorkflowService>;
  readonly namespace: string;
}

const pageSize = 1_000;
const historyRetryMs = 10_000;

/** The task with the further pages of its history. */
export async function withFurtherPages(parts: HistoryParts, task: SealedTask): Promise<SealedTask> {
  const history = await readHistory(parts, task, task.nextPageToken);
  // Messages that are written one behind the other are one, with the elements of both.
  const further = toBinary(WorkflowTaskSchema, create(WorkflowTaskSchema, { history }));
  return { ...task, bytes: Buffer.concat([task.bytes, further]) };
}

/** The task with the history of its run from the first event. */
export async function withWholeHistory(parts: HistoryParts, task: SealedTask): Promise<SealedTask> {
  const history = await readHistory(parts, task, "");
  const whole = { ...fromBinary(WorkflowTaskSchema, task.bytes), history, historyAfterEventId: 0 };
  return { ...task, bytes: toBinary(WorkflowTaskSchema, whole) };
}

async function readHistory(
  { namespace, rpc }: HistoryParts,
  { workflowId, runId }: SealedTask,
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
