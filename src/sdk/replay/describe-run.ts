/** What workflow code is told of its run. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { RunRef } from "../../../gen/pawl/v1/workflow_pb.js";
import { decodeFailure } from "../failure-codec.js";
import { decodeHeaders } from "../headers.js";
import { decodePayload } from "../payload.js";
import type { RunName, WorkflowInfo } from "../workflow/info.js";
import { attributesOf, memoOf } from "./attributes.js";
import type { RunParts } from "./run-parts.js";

/** Tells what the run is. */
export function describeRun(parts: RunParts): WorkflowInfo {
  const { log, started, startTime } = parts;
  return {
    namespace: started.namespace,
    workflowId: started.workflowId,
    runId: started.runId,
    workflowType: started.workflowType,
    taskQueue: started.taskQueue,
    priority: started.priority,
    attempt: started.attempt,
    startTime,
    parent: nameOfRun(started.parent),
    root: nameOfRun(started.root),
    firstRunId: started.firstRunId || started.runId,
    continuedFromRunId: started.continuedRunId || undefined,
    lastFailure: started.continuedFailure && decodeFailure(started.continuedFailure),
    lastResult: decodePayload(started.lastResult),
    scheduleId: started.scheduleId || undefined,
    scheduledTime: started.scheduledTime && timestampDate(started.scheduledTime),
    headers: decodeHeaders(started.header),
    memo: memoOf(parts),
    searchAttributes: attributesOf(parts),
    historyLength: log.turn.historyLength,
    isContinueAsNewSuggested: log.turn.isContinueAsNewSuggested,
  };
}

function nameOfRun(run: RunRef | undefined): RunName | undefined {
  return run && { namespace: run.namespace, workflowId: run.workflowId, runId: run.runId };
}
