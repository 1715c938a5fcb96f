/** Updates: requests to a run that it answers. */
import { randomUUID } from "node:crypto";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { UpdateStage, type UpdateState } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { decodeFailure } from "../failure-codec.js";
import { encodeHeaders } from "../headers.js";
import { decodePayload, encodePayload } from "../payload.js";
import { type CallParts, longPoll, refOf, waitMs } from "./call-parts.js";
import type { UpdateOptions, WaitForResultOptions, WorkflowName } from "./client.js";

/** An update that was sent, to wait for its answer. */
export interface UpdateHandle<R = unknown> {
  readonly updateId: string;
  /** The run that has it. Undefined: whichever is open, else the latest. */
  readonly runId: string | undefined;
  /** Waits for its answer. Throws the failure with which the handler answered. */
  result(options?: WaitForResultOptions): Promise<R>;
}

/** What an update asks for. */
export interface AskedUpdate extends UpdateOptions {
  readonly name: string;
  readonly input: unknown;
}

/** Sends an update and waits for its answer. */
export async function update(
  parts: CallParts,
  workflow: WorkflowName,
  asked: AskedUpdate,
  headers: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const sent = { ...asked, updateId: asked.updateId ?? randomUUID() };
  return answerOf(await send(parts, workflow, sent, { headers, until: UpdateStage.COMPLETED }));
}

/** Sends an update and waits until the run has accepted it. Throws the failure with which it was rejected, or has been answered by then. */
export async function startUpdate(
  parts: CallParts,
  workflow: WorkflowName,
  asked: AskedUpdate,
  headers: Readonly<Record<string, unknown>>,
): Promise<UpdateHandle> {
  const sent = { ...asked, updateId: asked.updateId ?? randomUUID() };
  const state = await send(parts, workflow, sent, { headers, until: UpdateStage.ACCEPTED });
  if (state.outcome.case === "failure") throw decodeFailure(state.outcome.value);
  return updateHandle(parts, { ...refOf(workflow), runId: state.runId }, sent.updateId);
}

/** An update that was sent before, to wait for its answer; nothing is sent. */
export function updateHandle(
  parts: CallParts,
  workflow: { readonly workflowId: string; readonly runId: string },
  updateId: string,
): UpdateHandle {
  return {
    updateId,
    runId: workflow.runId || undefined,
    result: async ({ signal } = {}) =>
      answerOf(await waitFor(parts, { ...workflow, updateId, until: UpdateStage.COMPLETED, signal })),
  };
}

async function send(
  parts: CallParts,
  workflow: WorkflowName,
  { updateId, name, input, signal }: AskedUpdate & { readonly updateId: string },
  { headers, until }: { readonly headers: Readonly<Record<string, unknown>>; readonly until: UpdateStage },
): Promise<UpdateState> {
  const { rpc, write, namespace } = parts;
  const payload = encodePayload(input);
  const header = encodeHeaders(headers);
  const ref = refOf(workflow);
  const request = {
    ...{ namespace, identity: write().identity, ...ref, updateId, name },
    ...(payload && { input: payload }),
    ...(header && { header }),
    ...{ waitStage: until, wait: durationFromMs(waitMs) },
  };
  const state = (await rpc.updateWorkflow(request, longPoll(parts, signal))).update;
  if (state !== undefined && hasReached(state, until)) return state;
  return waitFor(parts, { ...ref, runId: state?.runId || ref.runId, updateId, until, signal });
}

interface Awaited {
  readonly workflowId: string;
  readonly runId: string;
  readonly updateId: string;
  readonly until: UpdateStage;
  readonly signal: AbortSignal | undefined;
}

async function waitFor(parts: CallParts, { signal, until, ...asked }: Awaited): Promise<UpdateState> {
  const { rpc, namespace } = parts;
  let { runId } = asked;
  for (;;) {
    const request = { namespace, ...asked, runId, waitStage: until, wait: durationFromMs(waitMs) };
    const { update: state } = await rpc.getUpdateResult(request, longPoll(parts, signal));
    if (state !== undefined && hasReached(state, until)) return state;
    runId = state?.runId || runId;
  }
}

function hasReached({ stage, outcome }: UpdateState, until: UpdateStage): boolean {
  return stage >= until || outcome.case !== undefined;
}

function answerOf({ outcome }: UpdateState): unknown {
  if (outcome.case === "failure") throw decodeFailure(outcome.value);
  return decodePayload(outcome.value);
}
