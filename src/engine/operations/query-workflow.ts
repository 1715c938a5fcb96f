/** Questions to runs. */
import { randomUUID } from "node:crypto";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { type QueryAnswer, QueryAnswerSchema, QuerySchema } from "../../../gen/pawl/v1/task_pb.js";
import { WorkerSpecSchema } from "../../../gen/pawl/v1/worker_pb.js";
import type { AnswerQueriesRequest } from "../../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { QueryRejectCondition, type QueryWorkflowRequest } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { checkFailure, cutFailure } from "../../core/failure.js";
import { checkHeader, checkPayload } from "../../core/payload.js";
import { workflowClosed } from "../../core/refusals.js";
import type { RunState } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import { checkName } from "../../core/text.js";
import { readSnapshot } from "../../store/snapshots.js";
import { listWorkers } from "../../store/workers.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { findKnownRun, findRun } from "../reads/find-run.js";
import { waitTimeOf } from "../wait.js";
import { silentMicros } from "../worker-registry.js";

/** Asks a run a question, answered by a worker that replays it. */
export async function queryWorkflow(parts: EngineParts, request: QueryWorkflowRequest, call: Call) {
  const { workflowId, name, input, header, rejectCondition } = request;
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  checkName(name, "name");
  checkPayload(input, "input", parts.limits);
  checkHeader(header, "header", parts.limits);
  const first = await findRun(parts, { namespaceId, workflowId, runId: request.runId });
  refuseByStatus(first, rejectCondition);
  const query = create(QuerySchema, {
    queryId: randomUUID(),
    name,
    ...(input === undefined ? {} : { input }),
    ...(header === undefined ? {} : { header }),
  });
  const asked = await parts.queries.ask(query, {
    waitMs: waitTimeOf(call, undefined, Date.now()),
    signal: call.signal,
    load: () => findKnownRun(parts, { namespaceId, workflowId, runId: first.runId }),
    mayFindWorker: (run, isLong) => mayFindWorker(parts, run, isLong),
  });
  if (asked.answer !== undefined) return { outcome: asked.answer.outcome, status: asked.run.status };
  const snapshot = request.allowSnapshot ? await readSnapshot(parts.database.read, first.runId) : undefined;
  if (snapshot === undefined) {
    await findKnownRun(parts, { namespaceId, workflowId, runId: first.runId });
    throw unanswered(first, asked.why);
  }
  return { outcome: { case: "snapshot" as const, value: snapshot.state }, status: first.status };
}

/** Answers queries that came without a task. */
export async function answerQueries(parts: EngineParts, request: AnswerQueriesRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  await parts.queries.answer(namespaceId, checkAnswers(request.answers, "answers", parts));
  return {};
}

/** Refuses answers that are malformed, and cuts failures that are too long. */
export function checkAnswers(
  answers: readonly QueryAnswer[],
  field: string,
  { limits }: Pick<EngineParts, "limits">,
): QueryAnswer[] {
  return answers.map((answer, index) => {
    const { outcome } = answer;
    if (outcome.case === "result") checkPayload(outcome.value, `${field}[${index}].result`, limits);
    if (outcome.case !== "failure") return answer;
    checkFailure(outcome.value, `${field}[${index}].failure`, limits);
    const value = cutFailure(outcome.value, limits);
    return create(QueryAnswerSchema, { ...answer, outcome: { case: "failure", value } });
  });
}

function refuseByStatus(run: RunState, condition: QueryRejectCondition): void {
  const isRefused =
    (condition === QueryRejectCondition.NOT_OPEN && isClosedStatus(run.status)) ||
    (condition === QueryRejectCondition.NOT_COMPLETED_CLEANLY &&
      isClosedStatus(run.status) &&
      run.status !== WorkflowStatus.COMPLETED);
  if (isRefused) throw workflowClosed(run);
}

/** Whether some worker that handles the run was seen lately: by a poll here or by its registration; of anonymous ones at other servers only they know. */
async function mayFindWorker(parts: EngineParts, run: RunState, isLong: boolean): Promise<boolean> {
  const { namespaceId, taskQueue, workflowType } = run;
  if (parts.dispatch.wasPolled({ kind: "workflow", namespaceId, taskQueue })) return true;
  const seenSince = parts.clock.earliest() - silentMicros;
  const ask = { namespaceId, taskQueue, seenSince, after: "", limit: 100 };
  const { workers } = await listWorkers(parts.database.read, ask);
  return workers.some((row) => handles(parts, row, workflowType)) || !(parts.isAlone() || isLong);
}

function handles(
  parts: EngineParts,
  row: { readonly spec: Uint8Array; readonly seenAt: number; readonly isDraining: boolean },
  workflowType: string,
): boolean {
  if (row.isDraining || row.seenAt <= parts.clock.earliest() - silentMicros) return false;
  const { workflowTypes } = fromBinary(WorkerSpecSchema, row.spec);
  return workflowTypes.length === 0 || workflowTypes.includes(workflowType);
}

function unanswered(
  { workflowId, workflowType, taskQueue }: RunState,
  why: "no worker" | "no answer",
): RefusedError {
  const what = `workflow type "${workflowType}" on queue "${taskQueue}"`;
  if (why === "no worker") {
    const message = `no worker for ${what} was seen for a while, so nobody can answer: start one, or allow a snapshot`;
    return new RefusedError(ErrorReason.NO_WORKER, message, {
      task_queue: taskQueue,
      workflow_type: workflowType,
    });
  }
  const message = `no worker for ${what} answered the query of workflow "${workflowId}" in time: try again`;
  return new RefusedError(ErrorReason.DEADLINE, message);
}
