/** How a run ended, told by its closing event. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { type FailureSchema, TimeoutKind } from "../../gen/pawl/v1/failure_pb.js";
import type { WorkflowOutcomeSchema } from "../../gen/pawl/v1/workflow_pb.js";
import type { RunState } from "./run-state.js";
import { timestampOf } from "./time.js";

const closingKinds: ReadonlySet<HistoryEvent["kind"]["case"]> = new Set([
  "workflowCompleted",
  "workflowFailed",
  "workflowTimedOut",
  "workflowCancelled",
  "workflowTerminated",
  "workflowContinuedAsNew",
]);

/** Whether a run is closed by an event: nothing comes behind it. */
export function isClosing({ kind }: HistoryEvent): boolean {
  return closingKinds.has(kind.case);
}

/** The outcome of a closed run, and the run that goes on in its place (empty: none). */
export function closingOutcome(
  run: RunState,
  event: HistoryEvent,
): { outcome: MessageInitShape<typeof WorkflowOutcomeSchema>; nextRunId: string } {
  const base = {
    runId: run.runId,
    status: run.status,
    ...(run.closedAt === undefined ? {} : { closeTime: timestampOf(run.closedAt) }),
  };
  const failed = (failure: MessageInitShape<typeof FailureSchema> | undefined, nextRunId = "") => ({
    outcome: {
      ...base,
      ...(failure === undefined ? {} : { value: { case: "failure" as const, value: failure } }),
    },
    nextRunId,
  });
  const { kind } = event;
  switch (kind.case) {
    case "workflowCompleted": {
      const { result, nextRunId } = kind.value;
      return {
        outcome: { ...base, ...(result === undefined ? {} : { value: { case: "result", value: result } }) },
        nextRunId,
      };
    }
    case "workflowFailed":
      return failed(kind.value.failure, kind.value.nextRunId);
    case "workflowTimedOut":
      return failed(
        {
          message: "the run did not end in its time",
          source: "server",
          kind: { case: "timeout", value: { kind: TimeoutKind.START_TO_CLOSE } },
        },
        kind.value.nextRunId,
      );
    case "workflowCancelled":
      return failed({
        message: "the run was cancelled",
        source: "server",
        kind: {
          case: "cancelled",
          value: kind.value.details === undefined ? {} : { details: kind.value.details },
        },
      });
    case "workflowTerminated": {
      const { reason, isReset, nextRunId } = kind.value;
      const terminated = { case: "terminated" as const, value: { identity: event.identity } };
      // One that was started in its place otherwise has nothing to do with it.
      return failed({ message: reason, source: "server", kind: terminated }, isReset ? nextRunId : "");
    }
    case "workflowContinuedAsNew":
      return { outcome: base, nextRunId: kind.value.newRunId };
    default:
      throw new Error(`event ${event.eventId} of run ${run.runId} does not close it`);
  }
}
