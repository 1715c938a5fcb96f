/** Signals, cancellations and terminations. */
import {
  type CancelWorkflowRequest,
  CancelWorkflowRequestSchema,
  type SignalWorkflowRequest,
  SignalWorkflowRequestSchema,
  type TerminateWorkflowRequest,
  TerminateWorkflowRequestSchema,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { cancelWorkflow as decideCancel } from "../../core/cancel.js";
import { type RunKeyKind, runKeyId } from "../../core/run-state.js";
import { signalWorkflow as decideSignal } from "../../core/signal.js";
import { terminateWorkflow as decideTerminate } from "../../core/terminate.js";
import { onRun } from "../commit/operation.js";
import { contentHashOf } from "../content-hash.js";
import type { Call } from "../engine.js";
import { estimateBytes } from "../estimate-bytes.js";
import type { EngineParts } from "../parts.js";

/** Sends a signal. */
export async function signalWorkflow(parts: EngineParts, request: SignalWorkflowRequest, call: Call) {
  const contentHash = contentHashOf(SignalWorkflowRequestSchema, { ...request, requestId: "", identity: "" });
  const { name, payload, header, links, requestId } = request;
  const input = {
    name,
    payload,
    header,
    links,
    requestId,
    contentHash,
    caller: callerOf(request, call),
  };
  return parts.commit.submit(
    onRun({
      decide: (run, context) => ({ ...decideSignal(run, input, context), outcome: { runId: run.runId } }),
      ...(await targetOf(parts, request, "signal", estimateBytes(request))),
    }),
  );
}

/** Asks a run to cancel. */
export async function cancelWorkflow(parts: EngineParts, request: CancelWorkflowRequest, call: Call) {
  const contentHash = contentHashOf(CancelWorkflowRequestSchema, { ...request, requestId: "", identity: "" });
  const { reason, cancelPending, requestId } = request;
  const input = {
    reason,
    cancelPending,
    requestId,
    contentHash,
    caller: callerOf(request, call),
  };
  return parts.commit.submit(
    onRun({
      decide: (run, context) => {
        const transition = decideCancel(run, input, context);
        return { ...transition, outcome: { runId: run.runId, status: transition.outcome.status } };
      },
      ...(await targetOf(parts, request, "cancel", estimateBytes(request))),
    }),
  );
}

/** Closes a run at once. */
export async function terminateWorkflow(parts: EngineParts, request: TerminateWorkflowRequest, call: Call) {
  const contentHash = contentHashOf(TerminateWorkflowRequestSchema, {
    ...request,
    requestId: "",
    identity: "",
  });
  const { reason, details, requestId } = request;
  const input = { reason, details, requestId, contentHash, caller: callerOf(request, call) };
  return parts.commit.submit(
    onRun({
      decide: (run, context) => ({ ...decideTerminate(run, input, context), outcome: { runId: run.runId } }),
      ...(await targetOf(parts, request, "terminate", estimateBytes(request))),
    }),
  );
}

interface Target {
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly requestId: string;
}

async function targetOf(parts: EngineParts, request: Target, kind: RunKeyKind, contentBytes: number) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  return {
    namespaceId,
    workflowId: request.workflowId,
    runId: request.runId === "" ? undefined : request.runId,
    keys: request.requestId === "" ? [] : [runKeyId(kind, request.requestId)],
    bytes: contentBytes + 300,
  };
}

function callerOf({ identity }: { identity: string }, { principal }: Call) {
  return { identity, principal };
}
