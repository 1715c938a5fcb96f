/** Workflow tasks from their arrival to the server's answer. */
import { fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type WorkflowTaskAccepted,
  WorkflowTaskCompletionSchema,
  type WorkflowTaskFailureReportSchema,
  WorkflowTaskSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import { PawlError } from "../errors.js";
import { type DataConverter, decodeMessage, encodeMessage } from "../payload-codec.js";
import type { QueryAnswerInit } from "../replay/queries.js";
import type { Answers } from "./answers.js";
import type { Batcher } from "./batcher.js";
import { type HistoryParts, withFurtherPages, withWholeHistory } from "./complete-history.js";
import type { Leases } from "./leases.js";
import type { WorkerLogger } from "./logger.js";
import { taskGoneWrong } from "./replay-task.js";
import { failedTask, type Replayer, type TaskOutcome } from "./replayer.js";
import { reportFailure } from "./report-failure.js";
import type { SealedTask } from "./sealed-tasks.js";

/** A failed task, as it is sent. */
export type FailureReport = MessageInitShape<typeof WorkflowTaskFailureReportSchema>;

/** What working on tasks needs. */
export interface WorkflowTaskParts {
  readonly dataConverter: DataConverter;
  readonly replayer: Replayer;
  readonly history: HistoryParts;
  readonly leases: Leases;
  readonly completions: Answers["workflowCompletions"];
  readonly failures: Batcher<FailureReport, WorkflowTaskAccepted>;
  readonly buildId: string;
  readonly logger: WorkerLogger;
  /** Answers questions that came without a task. Never rejects: whoever asks will ask another worker. */
  answerQueries(answers: readonly QueryAnswerInit[]): Promise<void>;
}

/** How long an answer is sent again while the server can't be reached; the lease is over long before. */
const answerForMs = 60_000;
/** Errors after which the task is no longer the worker's: there is nothing more to say about it. */
const taskIsGone = new Set([
  "STALE_LEASE",
  "UNHANDLED_COMMAND",
  "WORKFLOW_CLOSED",
  "WORKFLOW_NOT_FOUND",
  "NON_DETERMINISM",
]);

/** Works on a task. Whatever goes wrong concerns this task alone. */
export async function handleWorkflowTask(parts: WorkflowTaskParts, task: SealedTask): Promise<void> {
  const release = task.isQueryOnly ? () => {} : parts.leases.hold(task);
  try {
    await answerTask(parts, task, await replay(parts, task));
  } catch (error) {
    await failTask(parts, task, failedTask(error));
  } finally {
    release();
  }
}

async function replay(
  { dataConverter, replayer, history }: WorkflowTaskParts,
  sealed: SealedTask,
): Promise<TaskOutcome> {
  try {
    const decoded = dataConverter.codec === undefined ? sealed : await decodeTask(dataConverter, sealed);
    const task = decoded.nextPageToken === "" ? decoded : await withFurtherPages(history, decoded);
    const outcome = await replayer.replay(task);
    if (outcome.kind !== "needs-history") return outcome;
    return await replayer.replay(await withWholeHistory(history, task));
  } catch (error) {
    return taskGoneWrong(sealed, error);
  }
}

/** The task with its payloads decoded. */
async function decodeTask(dataConverter: DataConverter, sealed: SealedTask): Promise<SealedTask> {
  const task = fromBinary(WorkflowTaskSchema, sealed.bytes);
  await decodeMessage(dataConverter, WorkflowTaskSchema, task);
  return { ...sealed, bytes: toBinary(WorkflowTaskSchema, task) };
}

/** The completion with its payloads encoded. */
async function encodeCompletion(dataConverter: DataConverter, bytes: Uint8Array): Promise<Uint8Array> {
  const completion = fromBinary(WorkflowTaskCompletionSchema, bytes);
  const encoded = await encodeMessage(dataConverter, WorkflowTaskCompletionSchema, completion);
  return toBinary(WorkflowTaskCompletionSchema, encoded);
}

function answerTask(parts: WorkflowTaskParts, task: SealedTask, outcome: TaskOutcome): Promise<void> {
  switch (outcome.kind) {
    case "completed":
      return completeTask(parts, task, outcome.completion);
    case "failed":
      return failTask(parts, task, outcome);
    case "answered":
      return parts.answerQueries(outcome.queryAnswers);
    case "needs-history":
      throw new Error("the history of the run has no beginning");
  }
}

async function completeTask(
  { dataConverter, replayer, completions, logger }: WorkflowTaskParts,
  { runId }: SealedTask,
  completion: Uint8Array,
): Promise<void> {
  try {
    const hasCodec = dataConverter.codec !== undefined;
    const encoded = hasCodec ? await encodeCompletion(dataConverter, completion) : completion;
    await completions.submit(encoded, answerForMs);
  } catch (error) {
    // What the run in memory did is not recorded.
    replayer.forget(runId);
    if (!(error instanceof PawlError) || !taskIsGone.has(error.reason)) throw error;
    logger.info("a workflow task was not accepted", { runId, reason: error.reason });
  }
}

async function failTask(
  { failures, buildId, logger }: WorkflowTaskParts,
  task: SealedTask,
  { cause, failure }: Pick<FailureReport, "cause" | "failure">,
): Promise<void> {
  const { taskToken, runId, workflowId, workflowType, attempt } = task;
  const fields = { workflowId, runId, workflowType, attempt, error: failure?.message };
  logger.warn("a workflow task failed; the server offers it again", fields);
  try {
    const report = { taskToken, buildId, ...(cause !== undefined && { cause }), ...(failure && { failure }) };
    await reportFailure({ failures, retryForMs: answerForMs, logger, fields: { workflowId, runId } }, report);
  } catch (error) {
    logger.info("a failed workflow task could not be reported", { runId, error: String(error) });
  }
}
