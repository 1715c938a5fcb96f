/** One run of workflow code in memory, moved on turn by turn. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "../../../gen/pawl/v1/command_pb.js";
import type { HistoryEvent, WorkflowStarted } from "../../../gen/pawl/v1/event_pb.js";
import { type Failure, RetryState } from "../../../gen/pawl/v1/failure_pb.js";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { decodeFailure, encodeFailure } from "../failure-codec.js";
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  isCancellation,
  TimeoutFailure,
} from "../failures.js";
import { decodePayload, encodePayload } from "../payload.js";
import { withRejectionsReported } from "../rejections.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { type CommandLog, createCommandLog, RunEndedError } from "./command-log.js";
import { type ContextParts, createContext } from "./create-context.js";
import { NonDeterminismError } from "./non-determinism-error.js";
import { createSignals } from "./signals.js";
import { MalformedHistoryError, type Turn } from "./turns.js";
import { createWaits } from "./waits.js";

/** What a workflow task came to. */
export type TurnResult =
  | { readonly kind: "completed"; readonly commands: Command[]; readonly isClosed: boolean }
  | { readonly kind: "failed"; readonly cause: WorkflowTaskFailureCause; readonly failure: Failure };

/** A run in memory. */
export interface Execution {
  /** The WorkflowTaskStarted of the newest turn that it went through; 0 before the first. */
  readonly position: number;
  /** Goes through further turns. After a failure the execution is of no more use: the run must be replayed from its beginning. */
  advance(turns: readonly Turn[]): Promise<TurnResult>;
}

/** Makes an execution that has gone through nothing yet. */
export function createExecution(definition: WorkflowDefinition): Execution {
  let position = 0;
  let parts: ContextParts | undefined;
  return {
    get position() {
      return position;
    },
    async advance(turns) {
      let commands: Command[] = [];
      try {
        for (const turn of turns) {
          parts ??= begin(turn);
          parts.log.beginTurn(turn);
          await runTurn(definition, parts, turn);
          commands = parts.log.finishTurn();
          if (parts.log.fault !== undefined) return failed(parts.log.fault);
          position = turn.startedEventId;
        }
      } catch (error) {
        return failed(error);
      }
      return { kind: "completed", commands, isClosed: parts?.log.isClosed ?? false };
    },
  };
}

function begin(turn: Turn): ContextParts {
  const [first] = turn.arrived;
  if (first?.kind.case !== "workflowStarted") {
    throw new MalformedHistoryError("the history does not begin with the start of the run");
  }
  return {
    log: createCommandLog(turn),
    waits: createWaits(),
    signals: createSignals(),
    activities: new Map(),
    timers: new Map(),
    started: first.kind.value,
    startTime: first.eventTime ? timestampDate(first.eventTime) : new Date(0),
  };
}

async function runTurn(definition: WorkflowDefinition, parts: ContextParts, turn: Turn): Promise<void> {
  for (const event of turn.arrived) {
    if (parts.log.isClosed || parts.log.fault !== undefined) return;
    applyEvent(definition, parts, event);
    await drainMicrotasks();
  }
}

/** Lets code run until all of it waits: the microtasks of a turn of the event loop are over before its next phase. */
function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function applyEvent(definition: WorkflowDefinition, parts: ContextParts, { kind }: HistoryEvent): void {
  switch (kind.case) {
    case "workflowStarted":
      start(definition, parts, kind.value);
      break;
    case "activityCompleted":
      takeActivity(parts, kind.value.seq)?.wait.succeed(decodePayload(kind.value.result));
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
      parts.signals.deliver(kind.value.name, decodePayload(kind.value.payload) ?? null);
      break;
    case "workflowCancelRequested":
      parts.waits.requestCancel(kind.value.reason);
      break;
    default:
      break; // What else can happen to a run does not concern its code.
  }
}

function start(definition: WorkflowDefinition, parts: ContextParts, started: WorkflowStarted): void {
  const { log } = parts;
  const report = (reason: unknown) => {
    // A failure or cancellation that code looks at later, or never, is its own affair; anything else is a bug that must not go unseen.
    if (!log.isClosed && !isFailure(reason) && !(reason instanceof RunEndedError)) log.fail(reason);
  };
  withRejectionsReported(report, () => {
    const run = async () => definition.run(createContext(parts), decodePayload(started.input));
    run().then(
      (result) => finish(log, () => closeWithResult(log, result)),
      (error) => finish(log, () => closeWithError(parts, error)),
    );
  });
}

function finish(log: CommandLog, close: () => void): void {
  try {
    if (log.fault === undefined) close();
  } catch (error) {
    log.fail(error);
  }
}

function closeWithResult(log: CommandLog, result: unknown): void {
  const payload = encodePayload(result);
  log.close({ case: "completeWorkflow", value: { ...(payload && { result: payload }) } });
}

function closeWithError({ log, waits }: ContextParts, error: unknown): void {
  if (waits.isCancelRequested && isCancellation(error)) log.close({ case: "cancelWorkflow", value: {} });
  else if (isFailure(error)) log.close({ case: "failWorkflow", value: { failure: encodeFailure(error) } });
  else log.fail(error);
}

function isFailure(error: unknown): boolean {
  return (
    error instanceof ApplicationFailure ||
    error instanceof ActivityFailure ||
    error instanceof CancelledFailure ||
    error instanceof TimeoutFailure
  );
}

function takeActivity({ activities }: ContextParts, seq: number) {
  const activity = activities.get(seq);
  activities.delete(seq);
  return activity;
}

function takeTimer({ timers }: ContextParts, seq: number) {
  const timer = timers.get(seq);
  timers.delete(seq);
  return timer;
}

function failActivity(
  parts: ContextParts,
  seq: number,
  {
    cause,
    retryState,
    verb,
  }: { readonly cause: Error; readonly retryState: RetryState; readonly verb: string },
): void {
  const activity = takeActivity(parts, seq);
  if (activity === undefined) return;
  const fields = { activityType: activity.type, activityId: activity.id, retryState, identity: "" };
  activity.wait.fail(
    new ActivityFailure(`activity ${activity.type} ${verb}: ${cause.message}`, fields, { cause }),
  );
}

function failed(fault: unknown): TurnResult {
  const cause =
    fault instanceof NonDeterminismError
      ? WorkflowTaskFailureCause.NON_DETERMINISM
      : WorkflowTaskFailureCause.WORKFLOW_ERROR;
  return { kind: "failed", cause, failure: encodeFailure(fault) };
}
