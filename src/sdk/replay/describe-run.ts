/** What workflow code is told of its run. */
import type { WorkflowInfo } from "../workflow/info.js";
import type { RunParts } from "./run-parts.js";

/** Tells what the run is. */
export function describeRun({ log, started, startTime }: RunParts): WorkflowInfo {
  return {
    namespace: started.namespace,
    workflowId: started.workflowId,
    runId: started.runId,
    startTime,
    workflowType: started.workflowType,
    taskQueue: started.taskQueue,
    attempt: started.attempt,
    historyLength: log.turn.historyLength,
    isContinueAsNewSuggested: log.turn.isContinueAsNewSuggested,
  };
}
