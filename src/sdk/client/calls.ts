/** The calls about one workflow. */
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { type WorkflowOutcome, WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { type GetWorkflowResponse, ResetReapply } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { decodeFailure } from "../failure-codec.js";
import { encodeHeaders } from "../headers.js";
import { decodePayload, encodePayload } from "../payload.js";
import { type CallParts, longPoll, refOf, waitMs } from "./call-parts.js";
import type {
  CancelOptions,
  ResetOptions,
  UpdateOptions,
  WaitForResultOptions,
  WorkflowName,
} from "./client.js";
import type { ClientOperation } from "./interceptors.js";
import { type HistoryOptions, readHistory } from "./reads.js";
import { startUpdate, type UpdateHandle, update, updateHandle } from "./updates.js";
import { WorkflowFailedError } from "./workflow-failed-error.js";

/** The calls about one workflow, untyped. */
export interface Calls {
  result(workflow: WorkflowName, options?: WaitForResultOptions): Promise<unknown>;
  signal(workflow: WorkflowName, name: string, payload?: unknown): Promise<void>;
  query(workflow: WorkflowName, name: string, input?: unknown): Promise<unknown>;
  update(workflow: WorkflowName, name: string, input?: unknown, options?: UpdateOptions): Promise<unknown>;
  startUpdate(
    workflow: WorkflowName,
    name: string,
    input?: unknown,
    options?: UpdateOptions,
  ): Promise<UpdateHandle>;
  updateHandle(workflow: WorkflowName, updateId: string): UpdateHandle;
  cancel(workflow: WorkflowName, reason?: string, options?: CancelOptions): Promise<void>;
  terminate(workflow: WorkflowName, reason?: string): Promise<void>;
  describe(workflow: WorkflowName): Promise<GetWorkflowResponse>;
  history(workflow: WorkflowName, options?: HistoryOptions): AsyncIterable<HistoryEvent>;
  /** Gives the run id of the new run. */
  reset(workflow: WorkflowName, options: ResetOptions): Promise<string>;
  delete(workflow: WorkflowName): Promise<void>;
}

const reapplies = {
  "signals-and-updates": ResetReapply.SIGNALS_AND_UPDATES,
  signals: ResetReapply.SIGNALS,
  nothing: ResetReapply.NOTHING,
};

/** Makes the calls. */
export function createCalls(parts: CallParts): Calls {
  const { rpc, namespace, write, call, intercept } = parts;
  const about = (operation: ClientOperation, workflow: WorkflowName, name = "", input?: unknown) => {
    const { workflowId, runId } = refOf(workflow);
    return { operation, workflowId, runId: runId || undefined, name, input };
  };
  return {
    result: (workflow, options) =>
      intercept(about("result", workflow), () => waitForResult(parts, workflow, options)),
    signal: (workflow, name, payload) =>
      intercept(about("signal", workflow, name, payload), async ({ input, headers }) => {
        const encoded = encodePayload(input);
        const header = encodeHeaders(headers);
        const carried = { ...(encoded && { payload: encoded }), ...(header && { header }) };
        await rpc.signalWorkflow({ ...write(), ...refOf(workflow), name, ...carried }, call);
      }),
    query: (workflow, name, asked) =>
      intercept(about("query", workflow, name, asked), async ({ input, headers }) => {
        const encoded = encodePayload(input);
        const header = encodeHeaders(headers);
        const carried = { ...(encoded && { input: encoded }), ...(header && { header }) };
        const { outcome } = await rpc.queryWorkflow(
          { namespace, ...refOf(workflow), name, ...carried },
          call,
        );
        if (outcome.case === "failure") throw decodeFailure(outcome.value);
        return decodePayload(outcome.value);
      }),
    update: (workflow, name, asked, options) =>
      intercept(about("update", workflow, name, asked), ({ input, headers }) =>
        update(parts, workflow, { ...options, name, input }, headers),
      ),
    startUpdate: (workflow, name, asked, options) =>
      intercept(about("update", workflow, name, asked), ({ input, headers }) =>
        startUpdate(parts, workflow, { ...options, name, input }, headers),
      ),
    updateHandle: (workflow, updateId) => updateHandle(parts, refOf(workflow), updateId),
    history: (workflow, options) => readHistory(parts, workflow, options),
    cancel: (workflow, reason = "", { cancelPending = false } = {}) =>
      intercept(about("cancel", workflow), async () => {
        await rpc.cancelWorkflow({ ...write(), ...refOf(workflow), reason, cancelPending }, call);
      }),
    terminate: (workflow, reason = "") =>
      intercept(about("terminate", workflow), async () => {
        await rpc.terminateWorkflow({ ...write(), ...refOf(workflow), reason }, call);
      }),
    describe: (workflow) =>
      intercept(about("describe", workflow), () => rpc.getWorkflow({ namespace, ...refOf(workflow) }, call)),
    reset: (workflow, { eventId, reason = "", reapply = "signals-and-updates" }) =>
      intercept(about("reset", workflow), async () => {
        const request = { ...write(), ...refOf(workflow), eventId, reason, reapply: reapplies[reapply] };
        return (await rpc.resetWorkflow(request, call)).runId;
      }),
    delete: (workflow) =>
      // Not tried again: without a run id a repeat would delete the run before it.
      intercept(about("delete", workflow), async () => {
        const { runId } = refOf(workflow);
        await rpc.deleteWorkflow({ namespace, ...refOf(workflow) }, runId === "" ? {} : call);
      }),
  };
}

async function waitForResult(
  parts: CallParts,
  workflow: WorkflowName,
  { signal, thisRunOnly = false }: WaitForResultOptions = {},
): Promise<unknown> {
  const { rpc, namespace } = parts;
  const request = { namespace, ...refOf(workflow), wait: durationFromMs(waitMs), thisRunOnly };
  for (;;) {
    const { outcome } = await rpc.getWorkflowResult(request, longPoll(parts, signal));
    if (outcome !== undefined) return resultOf(outcome, request.workflowId);
  }
}

function resultOf(outcome: WorkflowOutcome, workflowId: string): unknown {
  if (outcome.status === WorkflowStatus.COMPLETED) {
    return decodePayload(outcome.value.case === "result" ? outcome.value.value : undefined);
  }
  const status = WorkflowStatus[outcome.status] ?? "UNSPECIFIED";
  const cause = outcome.value.case === "failure" ? decodeFailure(outcome.value.value) : undefined;
  throw new WorkflowFailedError({ workflowId, runId: outcome.runId, status }, cause);
}
