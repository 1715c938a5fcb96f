/** What workers do with workflow tasks, but for completing them. */
import type {
  FailWorkflowTasksRequest,
  RenewWorkflowTasksRequest,
} from "../../../gen/pawl/v1/worker_service_pb.js";
import type { RunState } from "../../core/run-state.js";
import { timestampOf } from "../../core/time.js";
import {
  failWorkflowTask as decideFail,
  renewWorkflowTask as decideRenew,
  returnWorkflowTask as decideReturn,
} from "../../core/workflow-task.js";
import { onRun } from "../commit/operation.js";
import type { Call } from "../engine.js";
import { accepted } from "../outcome-error.js";
import type { EngineParts } from "../parts.js";
import type { WorkflowTaskToken } from "../task-token.js";
import { readWorkflowToken } from "./read-token.js";

/** Fails workflow tasks, with an outcome each. */
export async function failWorkflowTasks(parts: EngineParts, request: FailWorkflowTasksRequest, call: Call) {
  const caller = { identity: request.identity, principal: call.principal };
  const outcomes = request.failures.map((report) =>
    accepted(async () => {
      const fence = await readWorkflowToken(parts, request.namespace, report.taskToken);
      const { cause, failure, buildId } = report;
      const input = { fence, cause, failure, caller, workerId: request.workerId, buildId };
      return parts.commit.submit(
        onRun({ bytes: 1_000, decide: (run, context) => decideFail(run, input, context), ...target(fence) }),
      );
    }),
  );
  return { outcomes: await Promise.all(outcomes) };
}

/** Extends leases, with an outcome each. */
export async function renewWorkflowTasks(
  parts: EngineParts,
  request: RenewWorkflowTasksRequest,
  _call: Call,
) {
  const outcomes = request.taskTokens.map((token) =>
    accepted(async () => {
      const fence = await readWorkflowToken(parts, request.namespace, token);
      const { expiresAt } = await parts.commit.submit(
        onRun({ bytes: 300, decide: (run, context) => decideRenew(run, fence, context), ...target(fence) }),
      );
      return { deadlineTime: timestampOf(expiresAt) };
    }),
  );
  return { outcomes: await Promise.all(outcomes) };
}

/** Gives a workflow task back that its worker holds. Answers whether it was the holder's. */
export async function returnWorkflowTask(parts: EngineParts, fence: WorkflowTaskToken): Promise<boolean> {
  const { returned } = await parts.commit.submit(
    onRun({
      bytes: 300,
      isOwed: true,
      decide: (run, context) => decideReturn(run, { fence }, context),
      ...target(fence),
    }),
  );
  return returned;
}

/** The token of the task that a run's lease is for, if it is still of that epoch. */
export function workflowTokenOf(run: RunState, epoch: number): WorkflowTaskToken | undefined {
  const task = run.workflowTask;
  if (task?.lease?.epoch !== epoch) return undefined;
  return {
    kind: "workflow",
    namespaceId: run.namespaceId,
    workflowId: run.workflowId,
    runId: run.runId,
    scheduledEventId: task.scheduledEventId,
    startedEventId: task.lease.startedEventId,
    attempt: task.attempt,
    epoch,
    version: run.version,
  };
}

/** The run of a token, as operations name it. */
export function target(token: WorkflowTaskToken) {
  const { namespaceId, workflowId, runId, version } = token;
  return { namespaceId, workflowId, runId, seenVersion: version };
}
