/**
 * A reset: a new run that begins with what came before a workflow task of another, the base, and makes that task again. Whatever run of the workflow
 * is open ends with it.
 */
import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import type { UpdateRequest } from "../../../gen/pawl/v1/task_pb.js";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import type { ResetReapply } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { appendEvent, type Draft, openNewDraft } from "../draft.js";
import { RefusedError } from "../errors.js";
import { cutFailure } from "../failure.js";
import { namespaceEnding } from "../refusals.js";
import type { Micros, RunSettings, RunState, Snapshot, Workflow } from "../run-state.js";
import { settle } from "../settle.js";
import { findRepeatedStart } from "../start.js";
import { isClosedStatus } from "../status.js";
import { scheduleTask } from "../task-attempt.js";
import { checkText } from "../text.js";
import { addMs, latestTime } from "../time.js";
import type { Caller, Context, RunTransition, WorkflowTransition } from "../transition.js";
import { closeReplaced, type ReplacedRun } from "./close-replaced.js";
import { giveLater, laterOf } from "./give-later-events.js";
import type { LaterEvents } from "./later-events.js";
import { takeOver } from "./take-over.js";

/** What is to be reset, and what was read of it. */
export interface ResetInput {
  /** The run that is left, as it was when its history was read. */
  readonly base: RunState;
  /** Its state when the task that is made again was started, as its history tells. */
  readonly point: RunState;
  /** The WorkflowTaskScheduled of that task; its Started is the newest event of the point. */
  readonly scheduledEventId: number;
  /** What lies behind it. */
  readonly later: LaterEvents;
  /** The snapshot of the point. Undefined: there is none any more. */
  readonly snapshot: Snapshot | undefined;
  /** By request id: the hashes by which repeats of the base's signals are known. */
  readonly signalHashes: ReadonlyMap<string, string>;
  /** The run that is made, whose history was copied up to the point. */
  readonly runId: string;
  readonly reapply: ResetReapply;
  /** Empty: none was given. */
  readonly reason: string;
  readonly requestId: string;
  readonly requestHash: string;
  readonly caller: Caller;
  /** Tells repeats of an update from a reuse of its id. */
  updateHash(request: UpdateRequest): string;
}

/** Refuses a request that is malformed. */
export function checkReset({ requestId, caller }: Pick<ResetInput, "requestId" | "caller">): void {
  checkText(requestId, "request_id");
  checkText(caller.identity, "identity");
}

/** Whether the base has gone on since its history was read. Only the current run of a workflow can. */
export function hasMovedOn({ run }: Workflow, { base }: Pick<ResetInput, "base">): boolean {
  if (run?.runId === base.runId) return run.nextEventId !== base.nextEventId;
  return !isClosedStatus(base.status);
}

/** Makes the new run. A repeat of the call answers the run that it has made. */
export function resetWorkflow(
  workflow: Workflow,
  input: ResetInput,
  context: Context,
): WorkflowTransition<{ readonly runId: string }> {
  const repeated = findRepeatedStart(workflow, input);
  if (repeated !== undefined)
    return { runs: [], pointer: undefined, handed: [], messages: [], outcome: { runId: repeated } };
  if (workflow.isEnding === true) throw namespaceEnding(input.base.settings.namespace);
  const { runId, requestId: startRequestId, requestHash } = input;
  const { run: current } = workflow;
  const replaced =
    current === undefined || isClosedStatus(current.status)
      ? undefined
      : closeReplaced(current, input, context);
  // The new run never begins before the end of the one in whose place it comes.
  const begun = beginReset(input, replaced, { ...context, now: replaced?.now ?? context.now });
  const copied = { runId: input.base.runId, throughEventId: input.point.nextEventId - 1 };
  return {
    runs: [
      ...(replaced === undefined ? [] : [replaced.step]),
      { before: undefined, after: begun.after, events: begun.events, copied },
    ],
    pointer: { runId, startRequestId, requestHash },
    handed: begun.handed,
    messages: [...(replaced?.messages ?? []), ...begun.messages],
    outcome: { runId },
  };
}

function beginReset(
  input: ResetInput,
  replaced: ReplacedRun | undefined,
  context: Context,
): RunTransition<void> {
  const { point, runId, snapshot } = input;
  const now = Math.max(context.now, point.lastEventAt);
  const settings = settingsOf(input, now);
  const begun = { ...point, runId, startedAt: now, settings, snapshot, hasAllKeys: false };
  const draft = openNewDraft(begun, { ...context, now });
  appendReset(draft, input);
  giveLater(draft, input, laterOf(input, replaced));
  takeOver(draft, input, replaced?.step.before);
  scheduleTask(draft);
  return settle(draft, undefined);
}

/** The run's own time begins anew, that of all runs together does not. */
function settingsOf({ base }: ResetInput, now: Micros): RunSettings {
  const { expiresAt: _expiresAt, firstTaskAt: _firstTaskAt, ...settings } = base.settings;
  const { runTimeoutMs, executionExpiresAt = latestTime } = settings;
  if (executionExpiresAt <= now) {
    const message = `the time that all runs of workflow "${base.workflowId}" have together is over: start a new one`;
    throw new RefusedError(ErrorReason.RESET_POINT_INVALID, message, { run_id: base.runId });
  }
  const runExpiresAt = runTimeoutMs === undefined ? latestTime : addMs(now, runTimeoutMs);
  const expiresAt = Math.min(runExpiresAt, executionExpiresAt);
  return {
    ...settings,
    previousRunId: base.runId,
    resetFromRunId: base.runId,
    ...(expiresAt === latestTime ? {} : { expiresAt }),
  };
}

/** The task that is made again has failed, since the run was reset. */
function appendReset(
  draft: Draft,
  { base, point, runId, scheduledEventId, reason, caller }: ResetInput,
): void {
  const message = reason === "" ? "the run was reset" : reason;
  const failure = cutFailure(create(FailureSchema, { message, source: "server" }), draft.context.limits);
  const value = {
    scheduledEventId,
    startedEventId: point.nextEventId - 1,
    cause: WorkflowTaskFailureCause.RESET,
    failure,
    baseRunId: base.runId,
    newRunId: runId,
  };
  appendEvent(draft, { case: "workflowTaskFailed", value }, caller);
}
