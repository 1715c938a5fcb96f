/** Workflow tasks from their arrival to the server's answer. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  WorkflowTask,
  WorkflowTaskAccepted,
  WorkflowTaskCompletionSchema,
  WorkflowTaskFailureReportSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { PawlError } from "../errors.js";
import { encodeFailure } from "../failure-codec.js";
import type { QueryAnswerInit } from "../replay/queries.js";
import type { Batcher } from "./batcher.js";
import type { Leases } from "./leases.js";
import type { WorkerLogger } from "./logger.js";
import { answerTaskQueries } from "./query-tasks.js";
import { type ReplayedTask, type ReplayParts, replayTask } from "./replay-task.js";

/** A finished task, as it is sent. */
export type Completion = MessageInitShape<typeof WorkflowTaskCompletionSchema>;
/** A failed task, as it is sent. */
export type FailureReport = MessageInitShape<typeof WorkflowTaskFailureReportSchema>;

/** What working on tasks needs. */
export interface WorkflowTaskParts extends ReplayParts {
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
  if (task.isQueryOnly) return parts.answerQueries(await answerTaskQueries(parts, task));
  const release = parts.leases.hold(task);
  try {
    await answerTask(parts, task, await replayTask(parts, task));
  } catch (error) {
    await failTask(parts, task, {
      cause: WorkflowTaskFailureCause.WORKFLOW_ERROR,
      failure: encodeFailure(error),
    });
  } finally {
    release();
  }
}

async function answerTask(
  parts: WorkflowTaskParts,
  task: WorkflowTask,
  replayed: ReplayedTask,
): Promise<void> {
  const { result, execution } = replayed;
  if (result.kind === "failed") return failTask(parts, task, result);
  const { cache, buildId, sdk, logger } = parts;
  const { taskToken, queries } = task;
  const queryAnswers = queries.map(execution.query);
  const completion = { taskToken, commands: result.commands, queryAnswers, buildId, sdk };
  try {
    await parts.completions.submit(completion, Date.now() + answerForMs);
    if (!result.isClosed) cache.put(task.runId, execution);
  } catch (error) {
    // What the run in memory did is not recorded, so it is not put back.
    if (!(error instanceof PawlError) || !taskIsGone.has(error.reason)) throw error;
    logger.info("a workflow task was not accepted", { runId: task.runId, reason: error.reason });
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
    await failures.submit(report, Date.now() + answerForMs);
  } catch (error) {
    logger.info("a failed workflow task could not be reported", { runId, error: String(error) });
  }
}
