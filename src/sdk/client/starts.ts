/** Starting workflows: one, many, or one with a signal. */
import { toBinary } from "@bufbuild/protobuf";
import { type WorkflowSpec, WorkflowSpecSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import type { StartOutcome } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { errorFromOutcome } from "../errors.js";
import { encodeHeaders } from "../headers.js";
import { encodePayload } from "../payload.js";
import { type StartOptions, startSpec } from "../start-options.js";
import { nameOf, type SignalDefinition } from "../workflow/definitions.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import type { CallParts } from "./call-parts.js";
import type { Calls } from "./calls.js";
import type { StartedWorkflow, WaitForResultOptions } from "./client.js";
import { createHandle } from "./workflow-handle.js";

/** One of many starts. */
export type WorkflowStart<W extends WorkflowDefinition<never> = WorkflowDefinition<never>> = StartOptions & {
  readonly workflow: W;
} & GivenInput<InputOf<W>>;

/** The input, which may be left out where the workflow takes none. */
export type GivenInput<I> = undefined extends I ? { readonly input?: I } : { readonly input: I };

/** What a workflow is given. */
export type InputOf<W> = W extends WorkflowDefinition<infer I, unknown> ? I : never;
/** What a workflow ends with. */
export type OutputOf<W> = W extends WorkflowDefinition<never, infer O> ? O : never;

/** The signal that a start brings along. */
export interface SignalWithStartOptions<T = unknown> extends Omit<StartOptions, "openIdPolicy"> {
  readonly signal: SignalDefinition<T> | string;
  /** What it carries. */
  readonly payload?: T;
}

/** Starts, untyped. */
export interface Starts {
  start(
    workflow: WorkflowDefinition<never> | string,
    input?: unknown,
    options?: StartOptions,
  ): Promise<StartedWorkflow>;
  startMany(starts: readonly WorkflowStart[]): Promise<PromiseSettledResult<StartedWorkflow>[]>;
  signalWithStart(
    workflow: WorkflowDefinition<never> | string,
    input: unknown,
    options: SignalWithStartOptions,
  ): Promise<StartedWorkflow>;
}

interface StartedRun {
  readonly workflowId: string;
  readonly runId: string;
  readonly isStarted: boolean;
}

/** The most of one request: 1,000 starts, and three quarters of what a server takes, to leave room for a codec. */
const maxStarts = 1_000;
const maxBytes = 3 * 1024 * 1024;

/** Makes the starts. */
export function createStarts(parts: CallParts, calls: Calls): Starts {
  const { rpc, write, call, intercept } = parts;
  const started = ({ workflowId, runId, isStarted }: StartedRun): StartedWorkflow => {
    const result = (wait?: WaitForResultOptions) => calls.result({ workflowId, runId }, wait);
    return { ...createHandle(calls, workflowId), runId, isStarted, result };
  };

  async function startPart(specs: WorkflowSpec[]): Promise<PromiseSettledResult<StartedWorkflow>[]> {
    try {
      const { outcomes } = await rpc.startWorkflows({ ...write(), specs }, call);
      return specs.map((_, index) => settledOf(outcomes[index], started));
    } catch (reason) {
      return specs.map(() => ({ status: "rejected", reason }));
    }
  }

  return {
    start: (workflow, given, options = {}) => {
      const name = typeOf(workflow);
      const about = { operation: "start", name, workflowId: options.workflowId, input: given } as const;
      return intercept(about, async ({ input, headers }) => {
        const spec = withHeaders(startSpec(name, input, options), headers);
        return started(await rpc.startWorkflow({ ...write(), spec }, call));
      });
    },
    startMany: (starts) => {
      const inputs = starts.map((start) => start.input as unknown);
      return intercept({ operation: "startMany", input: inputs }, async ({ input, headers }) => {
        const given = input as readonly unknown[];
        const specs = starts.map(({ workflow, ...options }, index) =>
          withHeaders(startSpec(workflow.type, given[index], options), headers),
        );
        const settled: PromiseSettledResult<StartedWorkflow>[] = [];
        for (const part of inParts(specs)) settled.push(...(await startPart(part)));
        return settled;
      });
    },
    signalWithStart: (workflow, given, { signal, payload, ...options }) => {
      const name = typeOf(workflow);
      const about = {
        operation: "signalWithStart",
        name,
        workflowId: options.workflowId,
        input: given,
      } as const;
      return intercept(about, async ({ input, headers }) => {
        const spec = withHeaders(startSpec(name, input, options), headers);
        const signalPayload = encodePayload(payload);
        const carried = { signalName: nameOf(signal), ...(signalPayload && { signalPayload }) };
        return started(await rpc.signalWithStartWorkflow({ ...write(), spec, ...carried }, call));
      });
    },
  };
}

function typeOf(workflow: WorkflowDefinition<never> | string): string {
  return typeof workflow === "string" ? workflow : workflow.type;
}

function withHeaders(spec: WorkflowSpec, headers: Readonly<Record<string, unknown>>): WorkflowSpec {
  const header = encodeHeaders(headers);
  if (header !== undefined) spec.header = header;
  return spec;
}

function settledOf(
  outcome: StartOutcome | undefined,
  started: (run: StartedRun) => StartedWorkflow,
): PromiseSettledResult<StartedWorkflow> {
  switch (outcome?.outcome.case) {
    case "started":
      return { status: "fulfilled", value: started(outcome.outcome.value) };
    case "error":
      return { status: "rejected", reason: errorFromOutcome(outcome.outcome.value) };
    default:
      return { status: "rejected", reason: new Error("the server gave no outcome for this start") };
  }
}

function* inParts(specs: readonly WorkflowSpec[]): Iterable<WorkflowSpec[]> {
  let part: WorkflowSpec[] = [];
  let bytes = 0;
  for (const spec of specs) {
    const size = toBinary(WorkflowSpecSchema, spec).length;
    if (part.length === maxStarts || (part.length > 0 && bytes + size > maxBytes)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(spec);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
