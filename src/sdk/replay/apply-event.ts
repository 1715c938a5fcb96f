/** What happened to a run, told to its code. */
import type { HistoryEvent, WorkflowStarted } from "../../../gen/pawl/v1/event_pb.js";
import { RetryState, TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
import { decodeFailure } from "../failure-codec.js";
import { CancelledFailure, TerminatedFailure, TimeoutFailure } from "../failures.js";
import { decodePayload, encodePayload } from "../payload.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { completeActivity, failActivity } from "./activities.js";
import { mergeAttributes } from "./attributes.js";
import { childCompleted, childFailed, childStarted } from "./children.js";
import { createContext } from "./create-context.js";
import { delivered, externalFailure, notDelivered } from "./external.js";
import type { RunParts } from "./run-parts.js";
import { takeTimer } from "./timers.js";

/** Lets an event take effect; the code that waits for it goes on in microtasks. */
export function applyEvent(
  definition: WorkflowDefinition,
  parts: RunParts,
  { kind, eventId }: HistoryEvent,
): void {
  switch (kind.case) {
    case "workflowStarted":
      start(definition, parts, kind.value);
      break;
    case "activityCompleted":
      completeActivity(parts, kind.value.seq, decodePayload(kind.value.result));
      break;
    case "activityFailed":
    case "activityTimedOut":
      failActivity(parts, kind.value.seq, {
        cause: decodeFailure(kind.value.failure),
        retryState: kind.value.retryState,
        verb: kind.case === "activityFailed" ? "failed" : "timed out",
      });
      break;
    case "activityCancelled":
      failActivity(parts, kind.value.seq, {
        cause: new CancelledFailure("the activity was cancelled", decodePayload(kind.value.details)),
        retryState: RetryState.CANCEL_REQUESTED,
        verb: "was cancelled",
      });
      break;
    case "timerFired":
      takeTimer(parts, kind.value.seq)?.fire();
      break;
    case "timerCancelled":
      takeTimer(parts, kind.value.seq)?.fail(new CancelledFailure("the timer was cancelled"));
      break;
    case "signalReceived":
      parts.signals.deliver(kind.value.name, { value: decodePayload(kind.value.payload), eventId });
      break;
    case "searchAttributesUpserted": // Of a call from outside.
      mergeAttributes(parts.attributes, kind.value.searchAttributes);
      break;
    case "workflowCancelRequested":
      parts.waits.requestCancel(kind.value.reason);
      break;
    default:
      applyEventOfOthers(parts, kind);
  }
}

/** What other workflows did: children, and those that were sent something. */
function applyEventOfOthers(parts: RunParts, kind: HistoryEvent["kind"]): void {
  switch (kind.case) {
    case "childWorkflowStarted":
      childStarted(parts, kind.value.seq, kind.value.child);
      break;
    case "childWorkflowStartFailed": {
      const cause = externalFailure("it could not be started", kind.value.cause);
      childFailed(parts, kind.value.seq, { verb: "did not start", cause });
      break;
    }
    case "childWorkflowCompleted":
      childCompleted(parts, kind.value.seq, decodePayload(kind.value.result));
      break;
    case "childWorkflowFailed": {
      const { seq, failure, retryState } = kind.value;
      childFailed(parts, seq, { verb: "failed", cause: decodeFailure(failure), retryState });
      break;
    }
    case "childWorkflowCancelled": {
      const cause = new CancelledFailure("the child was cancelled", decodePayload(kind.value.details));
      childFailed(parts, kind.value.seq, { verb: "was cancelled", cause });
      break;
    }
    case "childWorkflowTimedOut": {
      const { seq, retryState } = kind.value;
      const cause = new TimeoutFailure("its time was over", TimeoutKind.START_TO_CLOSE);
      childFailed(parts, seq, { verb: "timed out", cause, retryState });
      break;
    }
    case "childWorkflowTerminated": {
      const cause = new TerminatedFailure("it was terminated", "");
      childFailed(parts, kind.value.seq, { verb: "ended", cause });
      break;
    }
    case "externalSignalDelivered":
    case "externalCancelDelivered":
      delivered(parts, kind.value.seq);
      break;
    case "externalSignalFailed":
    case "externalCancelFailed": {
      const what = `${kind.value.target?.workflowId} could not be reached`;
      notDelivered(parts, kind.value.seq, externalFailure(what, kind.value.cause));
      break;
    }
    default:
      break; // What else can happen to a run does not concern its code.
  }
}

function start(definition: WorkflowDefinition, parts: RunParts, started: WorkflowStarted): void {
  const { log, handlerRuns } = parts;
  handlerRuns.enter(() => definition.run(createContext(parts), decodePayload(started.input)), {
    succeed(result) {
      const payload = encodePayload(result);
      log.close({ case: "completeWorkflow", value: { ...(payload && { result: payload }) } });
    },
    fail: handlerRuns.closeWithError,
  });
}
