/** Updates: requests to a run that want an answer. */
import { toBinary } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { type UpdateRequest, UpdateRequestSchema } from "../../gen/pawl/v1/task_pb.js";
import { type Draft, openDraft, putUpdate } from "./draft.js";
import { RefusedError } from "./errors.js";
import type { Limits } from "./limits.js";
import { checkHeader, checkPayload } from "./payload.js";
import { requestIdReused, workflowClosed } from "./refusals.js";
import { type RunState, runKeyId } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import { isClosedStatus } from "./status.js";
import { checkName, checkText } from "./text.js";
import type { Context, RunTransition } from "./transition.js";
import { pendingUpdates } from "./update-end.js";

/** A request, by whose id a repeat is known. */
export interface UpdateInput {
  readonly request: UpdateRequest;
  readonly contentHash: string;
}

/** What all requests that a task has may take, in bytes, unless it is one alone: they go out with the task. */
const maxRequestBytes = 1024 * 1024;

/** Takes an update: it is durable, and goes out with the next workflow task. */
export function admitUpdate(
  state: RunState,
  { request, contentHash }: UpdateInput,
  context: Context,
): RunTransition<void> {
  const { updateId } = request;
  const known = state.updates.get(updateId) ?? state.keys.get(runKeyId("update", updateId));
  if (known !== undefined && known.contentHash !== contentHash) throw requestIdReused(updateId);
  if (known !== undefined) return unchanged(state, undefined);
  if (isClosedStatus(state.status)) throw workflowClosed(state);
  checkRequest(request, context.limits);
  const draft = openDraft(state, context);
  const isUnseen = state.workflowTask?.lease !== undefined;
  recordUpdates(draft, [{ request, contentHash }], isUnseen);
  draft.hasNews = !isUnseen;
  return settle(draft, undefined);
}

/** Adds updates to those that wait for an answer. Throws PENDING_LIMIT. */
export function recordUpdates(draft: Draft, inputs: readonly UpdateInput[], isUnseen: boolean): void {
  checkRoom(draft.run, inputs, draft.context.limits);
  let position = Math.max(0, ...[...draft.run.updates.values()].map((update) => update.position));
  for (const { request, contentHash } of inputs) {
    const { updateId } = request;
    position += 1;
    const rest = { acceptedEventId: undefined, rejection: undefined };
    putUpdate(draft, { updateId, position, contentHash, isUnseen, request, ...rest });
  }
}

function checkRequest({ updateId, name, input, header, identity }: UpdateRequest, limits: Limits): void {
  checkName(updateId, "update_id");
  checkName(name, "name");
  checkText(identity, "identity");
  checkPayload(input, "input", limits);
  checkHeader(header, "header", limits);
}

function checkRoom(state: Draft["run"], inputs: readonly UpdateInput[], { maxPendingPerKind }: Limits): void {
  const pending = pendingUpdates(state);
  if (pending.length + inputs.length > maxPendingPerKind)
    throw tooMany(`${maxPendingPerKind} pending updates`, maxPendingPerKind);
  let bytes = pending.reduce((sum, update) => sum + bytesOf(update.request), 0);
  for (const { request } of inputs) {
    const more = bytesOf(request);
    if (bytes > 0 && bytes + more > maxRequestBytes)
      throw tooMany(`updates with ${bytes} bytes that are not accepted yet`, maxRequestBytes);
    bytes += more;
  }
}

function bytesOf(request: UpdateRequest | undefined): number {
  return request === undefined ? 0 : toBinary(UpdateRequestSchema, request).length;
}

function tooMany(what: string, limit: number): RefusedError {
  const message = `the run has ${what}, as many as it may: wait for some to be answered`;
  return new RefusedError(ErrorReason.PENDING_LIMIT, message, { kind: "updates", limit: String(limit) });
}
