/** A workflow task on its way through workflow code. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import type { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { UnaryClient } from "../connection.js";
import { createExecution, type Execution, type TurnResult } from "../replay/execution.js";
import { MalformedHistoryError, splitTurns } from "../replay/turns.js";
import type { WorkflowLogger } from "../workflow/logger.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import type { RunCache } from "./run-cache.js";

/** What running tasks needs. */
export interface ReplayParts {
  readonly rpc: UnaryClient<typeof WorkflowService>;
  readonly namespace: string;
  /** Decodes the payloads of a task in place, by the worker's codec. */
  decodeTask(task: WorkflowTask): Promise<void>;
  readonly cache: RunCache;
  readonly workflowLogger: WorkflowLogger;
  readonly workflows: ReadonlyMap<string, WorkflowDefinition>;
}

/** A task that went through workflow code. */
export interface ReplayedTask {
  readonly execution: Execution;
  readonly result: TurnResult;
}

const pageSize = 1_000;
const historyRetryMs = 10_000;

/** Runs workflow code through a task: from what is cached if it fits, else from the run's first event. */
export async function replayTask(parts: ReplayParts, task: WorkflowTask): Promise<ReplayedTask> {
  const { execution, turns } = await readTurns(parts, task, task.startedEventId);
  const last = turns.at(-1);
  if (last?.recorded !== undefined || last?.startedEventId !== task.startedEventId) {
    throw new MalformedHistoryError(
      `the history does not end with the start of this task, event ${task.startedEventId}`,
    );
  }
  return { execution, result: await execution.advance(turns) };
}

/** Runs workflow code through all that is recorded of a run, for queries that came without a task. */
export async function replayRecorded(parts: ReplayParts, task: WorkflowTask): Promise<ReplayedTask> {
  const { execution, turns } = await readTurns(parts, task, Number.MAX_SAFE_INTEGER);
  const recorded = turns.filter((turn) => turn.recorded !== undefined);
  return { execution, result: await execution.advance(recorded) };
}

async function readTurns(parts: ReplayParts, task: WorkflowTask, through: number) {
  await parts.decodeTask(task);
  const definition = parts.workflows.get(task.workflowType);
  if (definition === undefined) throw new Error(`this worker has no workflow of type ${task.workflowType}`);
  const cached = parts.cache.take(task.runId);
  const after = task.historyAfterEventId;
  const isContinued = after > 0 && cached?.position === after;
  const execution = isContinued ? cached : createExecution(definition, { logger: parts.workflowLogger });

  const events = after > 0 && !isContinued ? await readHistory(parts, task, "") : [...task.history];
  if (isContinued || after === 0) {
    if (task.nextPageToken !== "") events.push(...(await readHistory(parts, task, task.nextPageToken)));
  }
  const end = task.provisionalEvents[0]?.eventId ?? through + 1;
  const seen = [...events.filter((event) => event.eventId < end), ...task.provisionalEvents];
  return { execution, turns: splitTurns(seen, execution.position, task.updates) };
}

async function readHistory(
  parts: ReplayParts,
  task: WorkflowTask,
  firstToken: string,
): Promise<HistoryEvent[]> {
  const { namespace, rpc } = parts;
  const { workflowId, runId } = task;
  const events: HistoryEvent[] = [];
  for (let pageToken = firstToken; ; ) {
    const request = { namespace, workflowId, runId, pageSize, pageToken };
    const page = await rpc.getHistory(request, { retryForMs: historyRetryMs });
    events.push(...page.events);
    if (page.nextPageToken === "") return events;
    pageToken = page.nextPageToken;
  }
}
