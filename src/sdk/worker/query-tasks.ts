/** Questions that came without a task. */
import type { WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import { decodeFailure } from "../failure-codec.js";
import { type QueryAnswerInit, refusedQuery } from "../replay/queries.js";
import { type ReplayParts, replayRecorded } from "./replay-task.js";

/** Answers the questions by the run as it is recorded. Never rejects: what goes wrong is the answer. */
export async function answerTaskQueries(
  parts: ReplayParts,
  task: WorkflowTask,
): Promise<readonly QueryAnswerInit[]> {
  try {
    const { execution, result } = await replayRecorded(parts, task);
    if (result.kind === "failed") throw decodeFailure(result.failure);
    const answers = task.queries.map(execution.query);
    if (!result.isClosed) parts.cache.put(task.runId, execution);
    return answers;
  } catch (error) {
    return task.queries.map(({ queryId }) => refusedQuery(queryId, error));
  }
}
