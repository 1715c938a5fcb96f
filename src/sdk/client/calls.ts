/** The calls about one workflow. */
import { randomUUID } from "node:crypto";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type WorkflowOutcome, WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type GetWorkflowResponse,
  UpdateStage,
  type UpdateState,
  type WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { UnaryClient } from "../connection.js";
import { decodeFailure } from "../failure-codec.js";
import { decodePayload, encodePayload } from "../payload.js";
import type { UpdateOptions, WaitForResultOptions, WorkflowName } from "./client.js";
import { WorkflowFailedError } from "./workflow-failed-error.js";

/** What calls are made with. */
export interface CallParts {
  readonly rpc: UnaryClient<typeof WorkflowService>;
  readonly namespace: string;
  /** What every write says of itself. */
  readonly write: () => { namespace: string; identity: string; requestId: string };
  readonly call: { readonly retryForMs: number };
}

/** The calls about one workflow, untyped. */
export interface Calls {
  result(workflow: WorkflowName, options?: WaitForResultOptions): Promise<unknown>;
  signal(workflow: WorkflowName, name: string, payload?: unknown): Promise<void>;
  query(workflow: WorkflowName, name: string, input?: unknown): Promise<unknown>;
  update(workflow: WorkflowName, name: string, input?: unknown, options?: UpdateOptions): Promise<unknown>;
  cancel(workflow: WorkflowName, reason?: string): Promise<void>;
  terminate(workflow: WorkflowName, reason?: string): Promise<void>;
  describe(workflow: WorkflowName): Promise<GetWorkflowResponse>;
}

const waitMs = 20_000;
const waitGraceMs = 10_000;

/** Makes the calls. */
export function createCalls(parts: CallParts): Calls {
  const { rpc, namespace, write, call } = parts;
  return {
    result: (workflow, options) => waitForResult(parts, workflow, options),
    async signal(workflow, name, payload) {
      const encoded = encodePayload(payload);
      const request = { ...write(), ...refOf(workflow), name, ...(encoded && { payload: encoded }) };
      await rpc.signalWorkflow(request, call);
    },
    async query(workflow, name, input) {
      const encoded = encodePayload(input);
      const request = { namespace, ...refOf(workflow), name, ...(encoded && { input: encoded }) };
      const { outcome } = await rpc.queryWorkflow(request, call);
      if (outcome.case === "failure") throw decodeFailure(outcome.value);
      return decodePayload(outcome.value);
    },
    update: (workflow, name, input, options) => update(parts, workflow, { name, input, ...options }),
    async cancel(workflow, reason = "") {
      await rpc.cancelWorkflow({ ...write(), ...refOf(workflow), reason }, call);
    },
    async terminate(workflow, reason = "") {
      await rpc.terminateWorkflow({ ...write(), ...refOf(workflow), reason }, call);
    },
    describe: (workflow) => rpc.getWorkflow({ namespace, ...refOf(workflow) }, call),
  };
}

/** A workflow's name as requests have it. */
export function refOf(workflow: WorkflowName): { workflowId: string; runId: string } {
  if (typeof workflow === "string") return { workflowId: workflow, runId: "" };
  return { workflowId: workflow.workflowId, runId: workflow.runId ?? "" };
}

async function waitForResult(
  { rpc, namespace, call }: CallParts,
  workflow: WorkflowName,
  { signal }: WaitForResultOptions = {},
): Promise<unknown> {
  const request = { namespace, ...refOf(workflow), wait: durationFromMs(waitMs) };
  for (;;) {
    const options = { ...call, signal, timeoutMs: waitMs + waitGraceMs, isLongPoll: true };
    const { outcome } = await rpc.getWorkflowResult(request, options);
    if (outcome !== undefined) return resultOf(outcome, request.workflowId);
  }
}

async function update(
  { rpc, write, namespace, call }: CallParts,
  workflow: WorkflowName,
  asked: { readonly name: string; readonly input: unknown } & UpdateOptions,
): Promise<unknown> {
  const { name, signal, updateId = randomUUID() } = asked;
  const input = encodePayload(asked.input);
  const options = { ...call, signal, timeoutMs: waitMs + waitGraceMs, isLongPoll: true };
  const wait = { waitStage: UpdateStage.COMPLETED, wait: durationFromMs(waitMs) };
  const ref = refOf(workflow);
  const { identity } = write();
  const sent = { namespace, identity, ...ref, updateId, name, ...(input && { input }), ...wait };
  let state = (await rpc.updateWorkflow(sent, options)).update;
  while (state === undefined || !isAnswered(state)) {
    const runId = state?.runId || ref.runId;
    state = (await rpc.getUpdateResult({ namespace, ...ref, runId, updateId, ...wait }, options)).update;
  }
  if (state.outcome.case === "failure") throw decodeFailure(state.outcome.value);
  return decodePayload(state.outcome.value);
}

function isAnswered({ stage }: UpdateState): boolean {
  return stage === UpdateStage.COMPLETED;
}

function resultOf(outcome: WorkflowOutcome, workflowId: string): unknown {
  if (outcome.status === WorkflowStatus.COMPLETED) {
    return decodePayload(outcome.value.case === "result" ? outcome.value.value : undefined);
  }
  const status = WorkflowStatus[outcome.status] ?? "UNSPECIFIED";
  const cause = outcome.value.case === "failure" ? decodeFailure(outcome.value.value) : undefined;
  throw new WorkflowFailedError({ workflowId, runId: outcome.runId, status }, cause);
}
