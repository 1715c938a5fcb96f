/** Code of today against a history that was recorded. */
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { decodeFailure } from "../failure-codec.js";
import { createExecution } from "../replay/execution.js";
import { splitTurns } from "../replay/turns.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { TestSetupError, WorkflowTaskFailedError } from "./errors.js";
import { type HistorySource, readHistory } from "./history-json.js";

/**
 * Runs the code of a workflow through a recorded history. Activities, timers and local steps come out as they are recorded; nothing is done. Throws a WorkflowTaskFailedError with the
 * first difference if the code does not do the same again, and a TestSetupError if the history is none or that of another workflow.
 */
export async function replayHistory<I, O>(
  workflow: WorkflowDefinition<I, O>,
  source: HistorySource,
): Promise<void> {
  const history = readHistory(source);
  const [first] = history;
  if (first?.kind.case !== "workflowStarted")
    throw new TestSetupError(
      "the history does not begin with the start of a run: give all its pages, in order",
    );
  const started = first.kind.value;
  if (started.workflowType !== workflow.type)
    throw new TestSetupError(`the history is one of ${started.workflowType}, not of ${workflow.type}`);
  const turns = splitTurns(history, 0).filter((turn) => turn.recorded !== undefined);
  const result = await createExecution(workflow as WorkflowDefinition).advance(turns);
  if (result.kind === "completed") return;
  const isNonDeterminism = result.cause === WorkflowTaskFailureCause.NON_DETERMINISM;
  throw new WorkflowTaskFailedError(started, isNonDeterminism, decodeFailure(result.failure));
}
