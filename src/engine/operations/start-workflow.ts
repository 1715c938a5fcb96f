/** Starting workflows. */
import { hash, randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type WorkflowSpec, WorkflowSpecSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type SignalWithStartWorkflowRequest,
  SignalWithStartWorkflowRequestSchema,
  type StartWorkflowRequest,
  type StartWorkflowsRequest,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { runKeyId } from "../../core/run-state.js";
import { signalWithStart } from "../../core/signal-with-start.js";
import { startWorkflow as decideStart, type StartInput, type StartOutcome } from "../../core/start.js";
import type { Caller } from "../../core/transition.js";
import type { NamespaceRow } from "../../store/namespaces.js";
import type { Operation } from "../commit/operation.js";
import { contentHashOf } from "../content-hash.js";
import type { Call } from "../engine.js";
import { estimateBytes } from "../estimate-bytes.js";
import { outcomeError } from "../outcome-error.js";
import type { EngineParts } from "../parts.js";
import { waitForOutcome } from "../reads/get-result.js";
import { msFromDuration } from "../time.js";

/** Starts one workflow; may wait for its outcome. */
export async function startWorkflow(parts: EngineParts, request: StartWorkflowRequest, call: Call) {
  const { spec, requestId, identity, wait } = request;
  if (spec === undefined) throw new Error("a start without a spec passed validation");
  const namespace = await parts.namespaces.find(request.namespace);
  const operation = startOperation({
    namespace,
    spec,
    requestId,
    caller: { identity, principal: call.principal },
  });
  const { runId, isStarted, isNew } = await parts.commit.submit(operation);
  // The run was committed in this very turn of the event loop: what is cached of it is how it stands.
  const known = isNew ? parts.cache.get(operation.namespaceId, operation.workflowId)?.run : undefined;
  const started = { workflowId: operation.workflowId, runId, isStarted };
  const waitMs = msFromDuration(wait) ?? 0;
  if (waitMs === 0) return started;
  const { outcome } = await waitForOutcome(
    parts,
    { namespace, workflowId: operation.workflowId, runId, followsChain: true, waitMs },
    call,
    known?.runId === runId ? known : undefined,
  );
  return outcome === undefined ? started : { ...started, outcome };
}

/** Starts many, with an outcome each. */
export async function startWorkflows(parts: EngineParts, request: StartWorkflowsRequest, call: Call) {
  const namespace = await parts.namespaces.find(request.namespace);
  const caller = { identity: request.identity, principal: call.principal };
  const outcomes = await Promise.all(
    request.specs.map(async (spec, index) => {
      const requestId = request.requestId === "" ? "" : `${request.requestId}/${index}`;
      try {
        const operation = startOperation({ namespace, spec, requestId, caller });
        const { runId, isStarted } = await parts.commit.submit(operation);
        return {
          outcome: {
            case: "started" as const,
            value: { workflowId: operation.workflowId, runId, isStarted },
          },
        };
      } catch (error) {
        return { outcome: outcomeError(error) };
      }
    }),
  );
  return { outcomes };
}

/** Signals the open run of an id, or starts one with the signal. */
export async function signalWithStartWorkflow(
  parts: EngineParts,
  request: SignalWithStartWorkflowRequest,
  call: Call,
) {
  const { spec, requestId, identity, signalName, signalPayload } = request;
  if (spec === undefined) throw new Error("a start without a spec passed validation");
  const namespace = await parts.namespaces.find(request.namespace);
  const caller = { identity, principal: call.principal };
  const start = startOf({ namespace, spec, requestId, caller });
  const content = create(SignalWithStartWorkflowRequestSchema, { ...request, requestId: "", identity: "" });
  const contentHash = contentHashOf(SignalWithStartWorkflowRequestSchema, content);
  const signal = {
    name: signalName,
    payload: signalPayload,
    header: undefined,
    links: [],
    requestId,
    contentHash,
    caller,
  };
  const { namespaceId } = namespace;
  const { workflowId } = start;
  const outcome = await parts.commit.submit({
    namespaceId,
    workflowId,
    keys: requestId === "" ? [] : [runKeyId("signal", requestId)],
    bytes: estimateBytes(request) + 800,
    mayBeNew: true,
    decide: (workflow, context) =>
      signalWithStart(workflow, { ...start, requestHash: contentHash, signal }, context),
  });
  return { workflowId, ...outcome };
}

interface Start {
  readonly namespace: NamespaceRow;
  readonly spec: WorkflowSpec;
  readonly requestId: string;
  readonly caller: Caller;
}

function startOperation({
  namespace,
  spec,
  requestId,
  caller,
}: Start): Operation<StartOutcome & { readonly isNew: boolean }> {
  const input = startOf({ namespace, spec, requestId, caller });
  return {
    namespaceId: namespace.namespaceId,
    workflowId: input.workflowId,
    bytes: estimateBytes(spec) + 500,
    mayBeNew: true,
    decide(workflow, context) {
      const transition = decideStart(workflow, input, context);
      return { ...transition, outcome: { ...transition.outcome, isNew: transition.runs.length > 0 } };
    },
  };
}

function startOf({ namespace, spec, requestId, caller }: Start): StartInput {
  const { namespaceId, name } = namespace;
  const workflowId = spec.workflowId === "" ? makeWorkflowId(namespaceId, requestId) : spec.workflowId;
  // Only a repeat by request id has to be told from a reuse.
  const requestHash = requestId === "" ? "" : contentHashOf(WorkflowSpecSchema, spec);
  return { namespace: name, workflowId, spec, requestId, requestHash, caller };
}

/** An id for a workflow that was given none; a repeat with the same request id gets the same one. */
function makeWorkflowId(namespaceId: string, requestId: string): string {
  if (requestId === "") return randomUUID();
  const hex = hash("sha256", `${namespaceId}\0${requestId}`, "hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
