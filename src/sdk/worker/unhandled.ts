/** Questions and updates: no workflow can take them yet, so their senders are told at once instead of waiting. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import type { QueryAnswerSchema, WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";

/** Answers to the questions of a task. */
export function refuseQueries({
  queries,
  workflowType,
}: Pick<WorkflowTask, "queries" | "workflowType">): MessageInitShape<typeof QueryAnswerSchema>[] {
  return queries.map(({ queryId, name }) => ({
    queryId,
    outcome: { case: "failure", value: unhandled("query", name, workflowType) },
  }));
}

/** Commands that reject the updates of a task. Replay needs none of them, since history has nothing of a rejected update. */
export function rejectUpdates({
  updates,
  workflowType,
}: Pick<WorkflowTask, "updates" | "workflowType">): MessageInitShape<typeof CommandSchema>[] {
  return updates.map(({ updateId, name }) => ({
    kind: { case: "rejectUpdate", value: { updateId, failure: unhandled("update", name, workflowType) } },
  }));
}

function unhandled(what: "query" | "update", name: string, workflowType: string) {
  const message = `workflow ${workflowType} has no handler for the ${what} "${name}"`;
  return {
    message,
    source: "TypeScript SDK",
    kind: { case: "application" as const, value: { type: "UnhandledRequest", nonRetryable: true } },
  };
}
