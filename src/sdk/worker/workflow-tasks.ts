/** Workflow tasks from their arrival to the server's answer. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  WorkflowTask,
  WorkflowTaskAccepted,
  WorkflowTaskCompletionSchema,
  WorkflowTaskFailureReportSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import { PawlError } from "../errors.js";
import type { QueryAnswerInit } from "../replay/queries.js";
import type { Batcher } from "./batcher.js";
import { type HistoryParts, withFurtherPages, withWholeHistory } from "./complete-history.js";
import type { Leases } from "./leases.js";
import type { WorkerLogger } from "./logger.js";
import { refuseQueries } from "./replay-task.js";
import { failedTask, type Replayer, type TaskOutcome } from "./replayer.js";
import { reportFailure } from "./report-failure.js";

/** A finished task, as it is sent. */
export type Completion = MessageInitShape<typeof WorkflowTaskCompletionSchema>;
/** A failed task, as it is sent. */
export type FailureReport = MessageInitShape<typeof WorkflowTaskFailureReportSchema>;

/** What working on tasks needs. */
export interface WorkflowTaskParts {
  /** Decodes the payloads of a task in place, by the worker's codec. */
  decodeTask(task: WorkflowTask): Promise<void>;
  readonly replayer: Replayer;
  readonly history: HistoryParts;
  readonly leases: Leases;
  readonly completions: Batcher<Completion, WorkflowTaskAccepted>;
  readonly failures: Batcher<FailureReport, WorkflowTaskAccepted>;
  readonly buildId: string;
  readonly sdk: string;
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
export async function handleWorkflowTask(parts: WorkflowTaskParts, task: WorkflowTask): Promise<void> {
  const release = task.isQueryOnly ? () => {} : parts.leases.hold(task);
  try {
    await answerTask(parts, task, await replay(parts, task));
  } catch (error) {
    await failTask(parts, task, failedTask(error));
  } finally {
    release();
  }
}

async function replay(parts: WorkflowTaskParts, task: WorkflowTask): Promise<TaskOutcome> {
  const { decodeTask, replayer, history } = parts;
  try {
    await decodeTask(task);
    const outcome = await replayer.replay(await withFurtherPages(history, task));
    if (outcome.kind !== "needs-history") return outcome;
    return await replayer.replay(await withWholeHistory(history, task));
  } catch (error) {
    return task.isQueryOnly ? refuseQueries(task, error) : failedTask(error);
  }
}

async function answerTask(parts: WorkflowTaskParts, task: WorkflowTask, outcome: TaskOutcome): Promise<void> {
  switch (outcome.kind) {
    case "completed":
      return completeTask(parts, task, outcome);
    case "failed":
      return failTask(parts, task, outcome);
    case "answered":
      return parts.answerQueries(outcome.queryAnswers);
    case "needs-history":
      throw new Error("the history of the run has no beginning");
  }
}

async function completeTask(
  { replayer, completions, buildId, sdk, logger }: WorkflowTaskParts,
  { taskToken, runId }: WorkflowTask,
  { commands, queryAnswers }: Extract<TaskOutcome, { readonly kind: "completed" }>,
): Promise<void> {
  const completion = { taskToken, commands, queryAnswers: [...queryAnswers], buildId, sdk };
  try {
    await completions.submit(completion, answerForMs);
  } catch (error) {
    // What the run in memory did is not recorded.
    replayer.forget(runId);
    if (!(error instanceof PawlError) || !taskIsGone.has(error.reason)) throw error;
    logger.info("a workflow task was not accepted", { runId, reason: error.reason });
  }
}

async function failTask(
  { failures, buildId, logger }: WorkflowTaskParts,
  task: WorkflowTask,
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
