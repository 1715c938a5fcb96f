/** The command that starts a child. */
import { create } from "@bufbuild/protobuf";
import type { StartChildWorkflowCommand } from "../../../gen/pawl/v1/command_pb.js";
import { ExternalFailureCause } from "../../../gen/pawl/v1/event_pb.js";
import { ParentClosePolicy, WorkflowSpecSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import { addEvent, putChild, sendMessage } from "../draft.js";
import { recordLater } from "../outside.js";
import { invalidField } from "../refusals.js";
import { checkSpec } from "../start.js";
import { checkText } from "../text.js";
import { type CommandScope, checkPendingLimit, namespaceIdOf, takeSeq } from "./scope.js";

/** Starts a child: its run id is fixed here, and it begins when the message arrives. */
export function startChildWorkflow(scope: CommandScope, command: StartChildWorkflowCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  const { run, context } = draft;
  const seq = takeSeq(scope);
  checkPendingLimit(scope, "children");
  if (command.spec === undefined) throw invalidField(`${field}.spec`, "must be given");
  const namespace = command.namespace || run.settings.namespace;
  checkText(namespace, `${field}.namespace`);
  const spec = create(WorkflowSpecSchema, {
    ...command.spec,
    workflowId: command.spec.workflowId || `${run.runId}/${seq}`,
    taskQueue: command.spec.taskQueue || run.taskQueue,
    priority: command.spec.priority || run.settings.priority,
  });
  const { workflowId, workflowType } = spec;
  checkSpec({ workflowId, spec }, `${field}.spec`, context);
  const parentClosePolicy = command.parentClosePolicy || ParentClosePolicy.TERMINATE;
  const namespaceId = namespaceIdOf(scope, namespace);
  const runId = context.newRunId(namespaceId ?? run.namespaceId, workflowId);
  const value = { seq, namespace, spec, runId, parentClosePolicy, taskCompletedEventId: completedEventId };
  const event = addEvent(draft, { case: "childWorkflowInitiated", value }, meta);
  const initiatedEventId = event.eventId;
  if (namespaceId === undefined) {
    const cause = ExternalFailureCause.NAMESPACE_NOT_FOUND;
    recordLater(draft, {
      case: "childWorkflowStartFailed",
      value: { seq, initiatedEventId, workflowId, cause },
    });
    return;
  }
  const child = { namespaceId, namespace, workflowId, runId, workflowType };
  const startedBy = { runId: run.runId, initiatedEventId };
  putChild(draft, {
    seq,
    initiatedEventId,
    startedEventId: undefined,
    parentClosePolicy,
    startedBy,
    ...child,
  });
  sendMessage(draft, child, event);
}
