/** Starting a workflow. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import {
  ClosedIdPolicy,
  OpenIdPolicy,
  type WorkflowSpec,
  WorkflowStatus,
} from "../../gen/pawl/v1/workflow_pb.js";
import { type Beginning, beginRun } from "./begin-run.js";
import { terminateRun } from "./close-run.js";
import { openDraft } from "./draft.js";
import { RefusedError } from "./errors.js";
import type { NewRun } from "./new-run.js";
import { checkHeader, checkPayload, checkUserMetadata } from "./payload.js";
import { invalidField, namespaceEnding, requestIdReused } from "./refusals.js";
import { fillRunRetryRule } from "./retry-rule.js";
import type { RunState, Workflow } from "./run-state.js";
import { checkMemo, checkSearchAttributes, mergeAttributes } from "./search-attributes.js";
import { settle } from "./settle.js";
import { isClosedStatus, statusName } from "./status.js";
import { checkName, checkText } from "./text.js";
import { readMicros } from "./time.js";
import type { Caller, Context, RunTransition, WorkflowTransition } from "./transition.js";

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
  checkStart(input, context);
  const repeated = findRepeatedStart(workflow, input);
  if (repeated !== undefined) return existing({ runId: repeated, isStarted: true });
  return startBy(workflow, openingOf(workflow, input, context), context);
}

/** Starts a run with what it begins with, as the id policies of its spec say. */
export function startBy(
  workflow: Workflow,
  opening: Opening,
  context: Context,
): WorkflowTransition<StartOutcome> {
  const { run } = workflow;
  if (run === undefined) return open(workflow, opening, context);
  const { openIdPolicy, closedIdPolicy } = opening.what.spec;
  if (isClosedStatus(run.status)) {
    requireReusable(run, closedIdPolicy);
    return open(workflow, opening, context);
  }
  switch (openIdPolicy) {
    case OpenIdPolicy.USE_EXISTING:
      return existing({ runId: run.runId, isStarted: false });
    case OpenIdPolicy.TERMINATE_EXISTING:
      return open(workflow, opening, context, run);
    default:
      throw workflowExists(run, "is open");
  }
}

/** The run that this very request has started before. Throws REQUEST_ID_REUSED if it was another request. */
export function findRepeatedStart(
  { pointer }: Workflow,
  { requestId, requestHash }: Pick<StartInput, "requestId" | "requestHash">,
): string | undefined {
  if (pointer === undefined || requestId === "" || pointer.startRequestId !== requestId) return undefined;
  if (pointer.requestHash !== requestHash) throw requestIdReused(requestId);
  return pointer.runId;
}

function existing(outcome: StartOutcome): WorkflowTransition<StartOutcome> {
  return { runs: [], pointer: undefined, handed: [], messages: [], outcome };
}

/** How a new run comes to be. */
export interface Opening {
  readonly what: Omit<NewRun, "namespaceId">;
  readonly beginning: Beginning;
  /** The request that is remembered as the start of the run. */
  readonly request: Pick<StartInput, "requestId" | "requestHash" | "caller">;
}

export function openingOf(workflow: Workflow, input: StartInput, context: Context): Opening {
  const { namespace, workflowId, spec, requestId, caller } = input;
  return {
    what: { namespace, workflowId, spec, runId: context.newRunId(workflow.namespaceId, workflowId) },
    beginning: { meta: { userMetadata: spec.userMetadata, links: spec.links, ...caller }, requestId },
    request: input,
  };
}

/** Opens a run, in place of the one that is open if there is one. */
function open(
  { namespaceId, isEnding = false }: Workflow,
  { what, beginning, request }: Opening,
  context: Context,
  replaced?: RunState,
): WorkflowTransition<StartOutcome> {
  if (isEnding) throw namespaceEnding(what.namespace);
  const { runId } = what;
  const end = replaced && replace(replaced, runId, request.caller, context);
  const begun = beginRun({ namespaceId, ...what }, beginning, context);
  const { requestId: startRequestId, requestHash } = request;
  return {
    runs: [
      ...(end === undefined ? [] : [{ before: replaced, after: end.after, events: end.events }]),
      { before: undefined, after: begun.after, events: begun.events },
    ],
    pointer: { runId, startRequestId, requestHash },
    handed: begun.handed,
    messages: [...(end?.messages ?? []), ...begun.messages],
    outcome: { runId, isStarted: true },
  };
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

/** Refuses a request to start that is malformed. */
export function checkStart(input: StartInput, context: Context): void {
  checkSpec(input, "spec", context);
  checkText(input.requestId, "request_id");
  checkText(input.caller.identity, "identity");
}

/** Refuses a start that could never be made; `field` is where its spec stands in the request. */
export function checkSpec(
  { workflowId, spec }: Pick<StartInput, "workflowId" | "spec">,
  field: string,
  { limits }: Context,
): void {
  checkName(workflowId, `${field}.workflow_id`);
  checkName(spec.workflowType, `${field}.workflow_type`);
  checkText(spec.taskQueue, `${field}.task_queue`);
  checkPayload(spec.input, `${field}.input`, limits);
  checkHeader(spec.header, `${field}.header`, limits);
  checkSearchAttributes(spec.searchAttributes, `${field}.search_attributes`, false);
  checkMemo(spec.memo, `${field}.memo`, limits);
  mergeAttributes(undefined, spec, field, limits);
  checkUserMetadata(spec.userMetadata, `${field}.user_metadata`, limits);
  readMicros(spec.workflowTaskTimeout, `${field}.workflow_task_timeout`);
  readMicros(spec.runTimeout, `${field}.run_timeout`);
  readMicros(spec.executionTimeout, `${field}.execution_timeout`);
  readMicros(spec.startDelay, `${field}.start_delay`);
  if (spec.retryPolicy !== undefined) fillRunRetryRule(spec.retryPolicy, `${field}.retry_policy`);
  if (spec.priority < 0 || spec.priority > 5)
    throw invalidField(`${field}.priority`, "must be from 1 to 5, or 0 for the default");
}
