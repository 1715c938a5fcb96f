/** Starting a workflow. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import {
  ClosedIdPolicy,
  OpenIdPolicy,
  type WorkflowSpec,
  WorkflowStatus,
} from "../../gen/pawl/v1/workflow_pb.js";
import { terminateRun } from "./close-run.js";
import { appendEvent, openDraft, openNewDraft } from "./draft.js";
import { RefusedError } from "./errors.js";
import { newRun } from "./new-run.js";
import { checkHeader, checkPayload, checkUserMetadata } from "./payload.js";
import { invalidField, notImplemented, requestIdReused } from "./refusals.js";
import type { RunState, Workflow } from "./run-state.js";
import { settle } from "./settle.js";
import { isClosedStatus, statusName } from "./status.js";
import { scheduleTask } from "./task-attempt.js";
import { checkName, checkText } from "./text.js";
import { durationOf, readMicros } from "./time.js";
import type { Caller, Context, RunStep, RunTransition, WorkflowTransition } from "./transition.js";

/** What is asked for. */
export interface StartInput {
  /** The name of the namespace. */
  readonly namespace: string;
  readonly workflowId: string;
  readonly spec: WorkflowSpec;
  /** Empty: none was given. */
  readonly requestId: string;
  /** Hash of the request's content. */
  readonly requestHash: string;
  readonly caller: Caller;
}

/** What became of it. */
export interface StartOutcome {
  readonly runId: string;
  /** Whether this request started the run, now or when it was sent first. */
  readonly isStarted: boolean;
}

/** Starts a run of a workflow id, or answers with the one that is there, as the id policies say. */
export function startWorkflow(
  workflow: Workflow,
  input: StartInput,
  context: Context,
): WorkflowTransition<StartOutcome> {
  checkSpec(input, context);
  const { pointer, run } = workflow;
  if (pointer !== undefined && input.requestId !== "" && pointer.startRequestId === input.requestId) {
    if (pointer.requestHash !== input.requestHash) throw requestIdReused(input.requestId);
    return existing({ runId: pointer.runId, isStarted: true });
  }
  if (run === undefined) return open(workflow, input, context);
  if (isClosedStatus(run.status)) {
    requireReusable(run, input.spec.closedIdPolicy);
    return open(workflow, input, context);
  }
  switch (input.spec.openIdPolicy) {
    case OpenIdPolicy.USE_EXISTING:
      return existing({ runId: run.runId, isStarted: false });
    case OpenIdPolicy.TERMINATE_EXISTING:
      return open(workflow, input, context, run);
    default:
      throw workflowExists(run, "is open");
  }
}

function existing(outcome: StartOutcome): WorkflowTransition<StartOutcome> {
  return { runs: [], pointer: undefined, handed: [], outcome };
}

function open(
  workflow: Workflow,
  input: StartInput,
  context: Context,
  replaced?: RunState,
): WorkflowTransition<StartOutcome> {
  const runId = context.newRunId(workflow.namespaceId, input.workflowId);
  const steps: RunStep[] = [];
  if (replaced !== undefined) {
    const { after, events } = replace(replaced, runId, input.caller, context);
    steps.push({ before: replaced, after, events });
  }
  const { after, events, handed } = begin(
    newRun(workflow.namespaceId, runId, input, context),
    input,
    context,
  );
  steps.push({ before: undefined, after, events });
  return {
    runs: steps,
    pointer: { runId, startRequestId: input.requestId, requestHash: input.requestHash },
    handed,
    outcome: { runId, isStarted: true },
  };
}

function begin(initial: RunState, input: StartInput, context: Context): RunTransition<void> {
  const { spec, caller } = input;
  const draft = openNewDraft(initial, context);
  const { settings } = initial;
  appendEvent(
    draft,
    {
      case: "workflowStarted",
      value: {
        namespace: input.namespace,
        workflowId: input.workflowId,
        runId: initial.runId,
        workflowType: initial.workflowType,
        taskQueue: initial.taskQueue,
        workflowTaskTimeout: durationOf(settings.workflowTaskTimeoutMs),
        priority: settings.priority,
        requestId: input.requestId,
        firstRunId: settings.firstRunId,
        originalRunId: settings.originalRunId,
        attempt: settings.attempt,
        ...(spec.input === undefined ? {} : { input: spec.input }),
        ...(spec.header === undefined ? {} : { header: spec.header }),
      },
    },
    { ...caller, userMetadata: spec.userMetadata, links: spec.links },
  );
  scheduleTask(draft);
  return settle(draft, undefined);
}

function replace(run: RunState, nextRunId: string, caller: Caller, context: Context): RunTransition<void> {
  const draft = openDraft(run, context);
  terminateRun(draft, { reason: "replaced by a new run of the same workflow id", nextRunId }, caller);
  return settle(draft, undefined);
}

function requireReusable(run: RunState, policy: ClosedIdPolicy): void {
  if (policy === ClosedIdPolicy.REJECT)
    throw workflowExists(run, "is closed, and its id may not be used again");
  const isSuccess = run.status === WorkflowStatus.COMPLETED || run.status === WorkflowStatus.CONTINUED_AS_NEW;
  if (policy === ClosedIdPolicy.ALLOW_IF_FAILED && isSuccess) {
    throw workflowExists(
      run,
      `has ended as ${statusName(run.status)}, and its id may be used again only if it failed`,
    );
  }
}

function workflowExists(run: RunState, what: string): RefusedError {
  const message = `run ${run.runId} of workflow "${run.workflowId}" ${what}; use another id or policy`;
  return new RefusedError(ErrorReason.WORKFLOW_EXISTS, message, { run_id: run.runId });
}

function checkSpec({ workflowId, spec, requestId, caller }: StartInput, { limits }: Context): void {
  refuseUnbuilt(spec);
  checkName(workflowId, "spec.workflow_id");
  checkName(spec.workflowType, "spec.workflow_type");
  checkText(spec.taskQueue, "spec.task_queue");
  checkText(requestId, "request_id");
  checkText(caller.identity, "identity");
  checkPayload(spec.input, "spec.input", limits);
  checkHeader(spec.header, "spec.header", limits);
  checkUserMetadata(spec.userMetadata, "spec.user_metadata", limits);
  readMicros(spec.workflowTaskTimeout, "spec.workflow_task_timeout");
  if (spec.priority < 0 || spec.priority > 5)
    throw invalidField("spec.priority", "must be from 1 to 5, or 0 for the default");
}

function refuseUnbuilt(spec: WorkflowSpec): void {
  if (spec.retryPolicy !== undefined) throw notImplemented("spec.retry_policy");
  if (readMicros(spec.startDelay, "spec.start_delay") > 0) throw notImplemented("spec.start_delay");
  if (readMicros(spec.executionTimeout, "spec.execution_timeout") > 0)
    throw notImplemented("spec.execution_timeout");
  if (readMicros(spec.runTimeout, "spec.run_timeout") > 0) throw notImplemented("spec.run_timeout");
  if (Object.keys(spec.searchAttributes).length > 0) throw notImplemented("spec.search_attributes");
  if (Object.keys(spec.memo).length > 0) throw notImplemented("spec.memo");
}
