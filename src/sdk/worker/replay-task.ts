/** A workflow task on its way through workflow code, in the thread where that is. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type WorkflowTask,
  WorkflowTaskCompletionSchema,
  WorkflowTaskSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import { decodeFailure } from "../failure-codec.js";
import { createExecution, type Execution, type TurnResult } from "../replay/execution.js";
import { type QueryAnswerInit, refusedQuery } from "../replay/queries.js";
import { enterWatched, type TurnWatch } from "../replay/turn-watch.js";
import { MalformedHistoryError, splitTurns, type Turn } from "../replay/turns.js";
import type { WorkflowLogger } from "../workflow/logger.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { failedTask, type TaskOutcome } from "./replayer.js";
import type { RunCache } from "./run-cache.js";
import type { SealedTask } from "./sealed-tasks.js";

/** What running tasks needs. */
export interface ReplayParts {
  readonly cache: RunCache;
  readonly workflowLogger: WorkflowLogger;
  readonly workflows: ReadonlyMap<string, WorkflowDefinition>;
  /** What is recorded of the code that did the task. */
  readonly madeBy: MadeBy;
}

/** What code does tasks. */
export interface MadeBy {
  readonly buildId: string;
  readonly sdk: string;
}

/** Takes a task through workflow code: from what is cached if it fits, else from the run's first event. Rejects for bytes that are no task alone. */
export async function replayTask(
  parts: ReplayParts,
  bytes: Uint8Array,
  watch: TurnWatch,
): Promise<TaskOutcome> {
  const task = fromBinary(WorkflowTaskSchema, bytes);
  try {
    const run = findRun(parts, task);
    if (run === undefined) return { kind: "needs-history" };
    if (task.isQueryOnly) return await answerQueries(parts, task, run, watch);
    return await completeTask(parts, task, run, watch);
  } catch (error) {
    return task.isQueryOnly ? refuseQueries(task, error) : failedTask(error);
  }
}

/** The run in memory and the turns that it has not gone through; undefined if these don't reach back far enough. */
interface Run {
  readonly execution: Execution;
  readonly turns: readonly Turn[];
}

function findRun({ workflows, cache, workflowLogger }: ReplayParts, task: WorkflowTask): Run | undefined {
  const definition = workflows.get(task.workflowType);
  if (definition === undefined) throw new Error(`this worker has no workflow of type ${task.workflowType}`);
  const cached = cache.take(task.runId);
  const after = task.historyAfterEventId;
  const isContinued = after > 0 && cached?.position === after;
  if (after > 0 && !isContinued) return undefined;
  const execution = isContinued ? cached : createExecution(definition, { logger: workflowLogger });
  // Without what came behind the start of the task, and what the task brings itself.
  const last = task.isQueryOnly ? Number.MAX_SAFE_INTEGER : task.startedEventId;
  const end = task.provisionalEvents[0]?.eventId ?? last + 1;
  const seen = [...task.history.filter((event) => event.eventId < end), ...task.provisionalEvents];
  return { execution, turns: splitTurns(seen, execution.position, task.updates) };
}

async function completeTask(
  { cache, madeBy }: ReplayParts,
  task: WorkflowTask,
  { execution, turns }: Run,
  watch: TurnWatch,
): Promise<TaskOutcome> {
  const last = turns.at(-1);
  if (last?.recorded !== undefined || last?.startedEventId !== task.startedEventId) {
    throw new MalformedHistoryError(
      `the history does not end with the start of this task, event ${task.startedEventId}`,
    );
  }
  const result = await execution.advance(turns, watch);
  if (result.kind === "failed") return result;
  const queryAnswers = askAll(execution, task, watch);
  if (!result.isClosed) cache.put(task.runId, execution);
  const { taskToken } = task;
  const { commands } = result;
  const completion = create(WorkflowTaskCompletionSchema, { taskToken, commands, queryAnswers, ...madeBy });
  return { kind: "completed", completion: toBinary(WorkflowTaskCompletionSchema, completion) };
}

/** Goes through all that is recorded, and no further. */
async function answerQueries(
  { cache }: ReplayParts,
  task: WorkflowTask,
  { execution, turns }: Run,
  watch: TurnWatch,
): Promise<TaskOutcome> {
  const recorded = turns.filter((turn) => turn.recorded !== undefined);
  const result: TurnResult = await execution.advance(recorded, watch);
  if (result.kind === "failed") throw decodeFailure(result.failure);
  const queryAnswers = askAll(execution, task, watch);
  if (!result.isClosed) cache.put(task.runId, execution);
  return { kind: "answered", queryAnswers };
}

function askAll(execution: Execution, { queries }: WorkflowTask, watch: TurnWatch): QueryAnswerInit[] {
  if (queries.length === 0) return [];
  return enterWatched(watch, () => queries.map(execution.query));
}

/** What went wrong around the code of a task. */
export function taskGoneWrong({ isQueryOnly, bytes }: SealedTask, error: unknown): TaskOutcome {
  return isQueryOnly ? refuseQueries(fromBinary(WorkflowTaskSchema, bytes), error) : failedTask(error);
}

/** What went wrong is the answer to each question. */
function refuseQueries({ queries }: WorkflowTask, error: unknown): TaskOutcome {
  return { kind: "answered", queryAnswers: queries.map(({ queryId }) => refusedQuery(queryId, error)) };
}
