/** Signalling a run. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { Header, Link, Payload } from "../../gen/pawl/v1/payload_pb.js";
import { type Draft, openDraft } from "./draft.js";
import { RefusedError } from "./errors.js";
import { recordOutside } from "./outside.js";
import { checkHeader, checkPayload } from "./payload.js";
import { workflowClosed } from "./refusals.js";
import { isRepeatedRequest, type RequestKey, rememberRequest } from "./request-key.js";
import type { RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import { isClosedStatus } from "./status.js";
import { checkName } from "./text.js";
import type { Caller, Context, RunTransition } from "./transition.js";

/** A signal, and who sends it. */
export interface SignalInput extends RequestKey {
  readonly name: string;
  readonly payload: Payload | undefined;
  readonly header: Header | undefined;
  readonly links: readonly Link[];
  readonly caller: Caller;
}

/** After so many refused completions a run may close before it hears more signals. */
const maxRefusedCloses = 10;

/** Delivers a signal. It is in history, or waits for the started workflow task to close. */
export function signalWorkflow(state: RunState, input: SignalInput, context: Context): RunTransition<void> {
  const { name, payload, header } = input;
  if (isRepeatedRequest(state, "signal", input)) return unchanged(state, undefined);
  if (isClosedStatus(state.status)) throw workflowClosed(state);
  checkName(name, "name");
  checkPayload(payload, "payload", context.limits);
  checkHeader(header, "header", context.limits);
  refuseWhileClosing(state);
  const draft = openDraft(state, context);
  recordSignal(draft, input);
  return settle(draft, undefined);
}

/** Records a signal, and remembers its request. */
export function recordSignal(draft: Draft, input: SignalInput): void {
  const { name, payload, header, links, requestId, caller } = input;
  const value = {
    name,
    requestId,
    ...(payload === undefined ? {} : { payload }),
    ...(header === undefined ? {} : { header }),
  };
  const eventId = recordOutside(draft, { case: "signalReceived", value }, { links: [...links], ...caller });
  rememberRequest(draft, "signal", input, eventId);
}

/** Keeps a flood of signals from holding a run open for ever: a task that tries again and again to close it gets its chance. */
function refuseWhileClosing({ workflowTask: task, workflowId }: RunState): void {
  if (task?.lease === undefined || (task.refusedCloses ?? 0) < maxRefusedCloses) return;
  const message = `workflow "${workflowId}" has tried ${maxRefusedCloses} times to close while signals came in; try again in a moment`;
  throw new RefusedError(ErrorReason.SERVER_BUSY, message);
}
