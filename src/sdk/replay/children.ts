/** Children of workflow code. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { ParentClosePolicy } from "../../../gen/pawl/v1/workflow_pb.js";
import { ChildFailure } from "../failures.js";
import { startSpec } from "../start-options.js";
import type { ChildHandle, ChildOptions } from "../workflow/child.js";
import type { WaitOptions } from "../workflow/options.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { signalOther } from "./external.js";
import type { RunParts } from "./run-parts.js";
import type { Wait } from "./waits.js";

/** How a child ended. */
type Outcome = { readonly value: unknown } | { readonly error: Error };

/** A child of the run. */
export interface Child {
  readonly seq: number;
  readonly type: string;
  readonly namespace: string;
  workflowId: string;
  runId: string;
  start: Wait<ChildHandle<unknown>> | undefined;
  outcome: Outcome | undefined;
  /** Those who wait for the outcome. */
  readonly waiting: Set<Wait<unknown>>;
}

const closePolicies = {
  terminate: ParentClosePolicy.TERMINATE,
  "request-cancel": ParentClosePolicy.REQUEST_CANCEL,
  abandon: ParentClosePolicy.ABANDON,
};

/** Starts a child and waits until it has started. */
export function startChild(
  parts: RunParts,
  workflow: WorkflowDefinition<never> | string,
  input: unknown,
  options: ChildOptions,
): Promise<ChildHandle<unknown>> {
  const rejected = parts.waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  const child = addChild(parts, workflow, input, options);
  child.start = parts.waits.open(`the start of the child ${child.type}`, options, () =>
    leaveChild(parts, child, options),
  );
  return child.start.promise;
}

/** Starts a child and waits for its result. */
export function runChild(
  parts: RunParts,
  workflow: WorkflowDefinition<never> | string,
  input: unknown,
  options: ChildOptions,
): Promise<unknown> {
  const rejected = parts.waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  return waitForResult(parts, addChild(parts, workflow, input, options), options);
}

/** The children that the run before has kept, which stand at the beginning of a history; by their seq. */
export function keptChildren(events: readonly HistoryEvent[]): Map<number, Child> {
  const kept = events.flatMap(({ kind }) => (kind.case === "childWorkflowInitiated" ? [kind.value] : []));
  return new Map(
    kept.map(({ seq, spec, namespace, runId }) => {
      const { workflowType: type = "", workflowId = "" } = spec ?? {};
      return [seq, childOf({ seq, type, namespace, workflowId, runId })];
    }),
  );
}

/** The child has started. */
export function childStarted(
  parts: RunParts,
  seq: number,
  ids: { readonly workflowId: string; readonly runId: string } | undefined,
): void {
  const child = parts.children.get(seq);
  if (child === undefined) return;
  child.workflowId = ids?.workflowId ?? child.workflowId;
  child.runId = ids?.runId ?? child.runId;
  child.start?.succeed(handleOf(parts, child));
}

/** The child has ended with a result. */
export function childCompleted({ children }: RunParts, seq: number, value: unknown): void {
  const child = children.get(seq);
  if (child !== undefined) end(child, { value });
}

/** The child has ended otherwise, or could not start. */
export function childFailed(
  { children }: RunParts,
  seq: number,
  ended: { readonly verb: string; readonly cause: Error; readonly retryState?: number },
): void {
  const child = children.get(seq);
  if (child === undefined) return;
  const { verb, cause, retryState = 0 } = ended;
  const { type: workflowType, namespace, workflowId, runId } = child;
  const fields = { workflowType, namespace, workflowId, runId, retryState };
  const error = new ChildFailure(`child ${workflowType} ${verb}: ${cause.message}`, fields, { cause });
  child.start?.fail(error);
  end(child, { error });
}

function end(child: Child, outcome: Outcome): void {
  child.outcome = outcome;
  for (const wait of child.waiting) settle(wait, outcome);
  child.waiting.clear();
}

function settle(wait: Wait<unknown>, outcome: Outcome): void {
  if ("error" in outcome) wait.fail(outcome.error);
  else wait.succeed(outcome.value);
}

function addChild(
  { log, children, started }: RunParts,
  workflow: WorkflowDefinition<never> | string,
  input: unknown,
  options: ChildOptions,
): Child {
  const { namespace = "", parentClosePolicy = "terminate" } = options;
  const type = typeof workflow === "string" ? workflow : workflow.type;
  const spec = startSpec(type, input, options);
  if (started.header !== undefined) spec.header = started.header;
  const value = { namespace, spec, parentClosePolicy: closePolicies[parentClosePolicy] };
  const { seq } = log.add({ case: "startChildWorkflow", value });
  const { workflowId } = spec;
  const child = childOf({ seq, type, namespace: namespace || started.namespace, workflowId, runId: "" });
  children.set(seq, child);
  return child;
}

function childOf(named: Pick<Child, "seq" | "type" | "namespace" | "workflowId" | "runId">): Child {
  return { ...named, start: undefined, outcome: undefined, waiting: new Set() };
}

function waitForResult(
  parts: RunParts,
  child: Child,
  options: WaitOptions & Pick<ChildOptions, "onCancel">,
): Promise<unknown> {
  const rejected = parts.waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  const wait = parts.waits.open<unknown>(`the result of the child ${child.type}`, options, () => {
    const effect = leaveChild(parts, child, options);
    if (effect === "reject") child.waiting.delete(wait);
    return effect;
  });
  if (child.outcome === undefined) child.waiting.add(wait);
  else settle(wait, child.outcome);
  return wait.promise;
}

/** The wait for a child is cancelled. */
function leaveChild(parts: RunParts, child: Child, { onCancel = "request" }: ChildOptions) {
  if (onCancel !== "abandon") cancelChild(parts, child, "");
  return onCancel === "wait" ? "wait" : "reject";
}

function cancelChild({ log }: RunParts, child: Child, reason: string): void {
  if (child.outcome === undefined) log.add({ case: "cancelChild", value: { childSeq: child.seq, reason } });
}

/** A handle for code. */
export function handleOf(parts: RunParts, child: Child): ChildHandle<unknown> {
  const { namespace, workflowId, runId } = child;
  // Without a run id, so that it reaches the run that goes on for the first.
  const target = { namespace, workflowId, runId: "" };
  return {
    workflowId,
    runId,
    result: (options = {}) => waitForResult(parts, child, options),
    signal: (signal, payload) => signalOther(parts, { target, childOnly: true, signal, payload }),
    cancel: (reason = "") => cancelChild(parts, child, reason),
  };
}
