/** Replaying a recorded history against the code of today. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { createExecution, type TurnResult } from "./execution.js";
import { splitTurns } from "./turns.js";

/** Runs the code through a history from its first event and tells what its last workflow task came to. */
export function replayHistory<I, O>(
  definition: WorkflowDefinition<I, O>,
  history: readonly HistoryEvent[],
): Promise<TurnResult> {
  return createExecution(definition).advance(splitTurns(history, 0));
}

/** Whether a workflow task failed since the code does not replay as it ran. */
export function isNonDeterminism(result: TurnResult): boolean {
  return result.kind === "failed" && result.cause === WorkflowTaskFailureCause.NON_DETERMINISM;
}
