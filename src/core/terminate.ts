/** Ending a run from outside, at once. */
import type { Payload } from "../../gen/pawl/v1/payload_pb.js";
import { terminateRun } from "./close-run.js";
import { openDraft } from "./draft.js";
import { checkPayload } from "./payload.js";
import { workflowClosed } from "./refusals.js";
import { isRepeatedRequest, type RequestKey, rememberRequest } from "./request-key.js";
import type { RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import { isClosedStatus } from "./status.js";
import type { Caller, Context, RunTransition } from "./transition.js";

/** Who ends it, and why. */
export interface TerminateInput extends RequestKey {
  /** Empty: "terminated". */
  readonly reason: string;
  readonly details: Payload | undefined;
  readonly caller: Caller;
}

/** Terminates a run. */
export function terminateWorkflow(
  state: RunState,
  input: TerminateInput,
  context: Context,
): RunTransition<void> {
  if (isRepeatedRequest(state, "terminate", input)) return unchanged(state, undefined);
  if (isClosedStatus(state.status)) throw workflowClosed(state);
  const { reason, details, caller } = input;
  checkPayload(details, "details", context.limits);
  const draft = openDraft(state, context);
  terminateRun(
    draft,
    { reason: reason || "terminated", ...(details === undefined ? {} : { details }) },
    caller,
  );
  rememberRequest(draft, "terminate", input, draft.run.nextEventId - 1);
  return settle(draft, undefined);
}
