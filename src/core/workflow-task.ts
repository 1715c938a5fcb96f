/** What a worker does with a workflow task, but for completing it. */
import { type Failure, TimeoutKind } from "../../gen/pawl/v1/failure_pb.js";
import { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { type Draft, openDraft } from "./draft.js";
import { checkFailure, cutFailure } from "./failure.js";
import { staleLease } from "./refusals.js";
import type { Micros, RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import { endAttempt, leaseTask, type StartedTask, startedTask } from "./task-attempt.js";
import { addMs } from "./time.js";
import type { Caller, Context, HandedTask, Poller, RunTransition } from "./transition.js";

/** What a worker's token says of the workflow task that it holds. */
export interface WorkflowTaskFence {
  readonly runId: string;
  readonly scheduledEventId: number;
  readonly startedEventId: number;
  readonly attempt: number;
  readonly epoch: number;
}

/** How a worker fails a workflow task. */
export interface FailTaskInput {
  readonly fence: WorkflowTaskFence;
  /** Unspecified: the workflow code raised an error. */
  readonly cause: WorkflowTaskFailureCause;
  readonly failure: Failure | undefined;
  readonly caller: Caller;
  readonly workerId: string;
  readonly buildId: string;
}

const firstBackoffMs = 1_000;
const longestBackoffMs = 600_000;

/** Gives the workflow task to a poll. Undefined: nothing is ready, or another has it. The same poll again gets the same task. */
export function startWorkflowTask(
  state: RunState,
  { poller }: { readonly poller: Poller },
  context: Context,
): RunTransition<HandedTask | undefined> {
  const task = state.workflowTask;
  if (task === undefined) return unchanged(state, undefined);
  if (task.lease !== undefined) {
    const { epoch, pollId } = task.lease;
    const isSamePoll = pollId !== "" && pollId === poller.pollId;
    return unchanged(
      state,
      isSamePoll ? { kind: "workflow", pollId, runId: state.runId, seq: 0, epoch } : undefined,
    );
  }
  const draft = openDraft(state, context);
  if (task.readyAt > draft.now) return unchanged(state, undefined);
  leaseTask(draft, task, poller);
  const started = settle(draft, undefined);
  return { ...started, outcome: started.handed[0] };
}

/** Keeps the lease for another term. */
export function renewWorkflowTask(
  state: RunState,
  fence: WorkflowTaskFence,
  context: Context,
): RunTransition<{ readonly expiresAt: Micros }> {
  const task = heldTask(state, fence);
  const draft = openDraft(state, context);
  const expiresAt = addMs(draft.now, state.settings.workflowTaskTimeoutMs);
  draft.run.workflowTask = { ...task, lease: { ...task.lease, expiresAt } };
  return settle(draft, { expiresAt });
}

/** Fails the workflow task; it is tried again with back-off. */
export function failWorkflowTask(
  state: RunState,
  input: FailTaskInput,
  context: Context,
): RunTransition<{ readonly alreadyApplied: boolean }> {
  if (isRepeat(state, input.fence, "failed")) return unchanged(state, { alreadyApplied: true });
  const task = heldTask(state, input.fence);
  checkFailure(input.failure, "failure", context.limits);
  const draft = openDraft(state, context);
  draft.run.lastClosedTaskEpoch = task.lease.epoch;
  if (input.cause === WorkflowTaskFailureCause.WORKER_SHUTDOWN) giveBack(draft, task, input.cause);
  else failAttempt(draft, task, input);
  return settle(draft, { alreadyApplied: false });
}

/** Takes back a workflow task that was not delivered: no attempt is used, and it is offered again at once. Nothing happens if the lease is over. */
export function returnWorkflowTask(
  state: RunState,
  { fence, cause }: { readonly fence: WorkflowTaskFence; readonly cause?: WorkflowTaskFailureCause },
  context: Context,
): RunTransition<{ readonly returned: boolean }> {
  const task = startedTask(state);
  if (task === undefined || !isHeldBy(state, task, fence)) return unchanged(state, { returned: false });
  const draft = openDraft(state, context);
  giveBack(draft, task, cause ?? WorkflowTaskFailureCause.RETURNED);
  return settle(draft, { returned: true });
}

/** The lease of the started workflow task is over. */
export function timeOutTask(draft: Draft, task: StartedTask): void {
  const { scheduledEventId, lease, attempt } = task;
  const kind = TimeoutKind.START_TO_CLOSE;
  endAttempt(draft, task, {
    kind: {
      case: "workflowTaskTimedOut",
      value: { scheduledEventId, startedEventId: lease.startedEventId, kind },
    },
    nextAttempt: attempt + 1,
    // The worker may just have died: the first time another tries at once.
    nextReadyAt: attempt === 1 ? draft.now : addMs(draft.now, backoffMs(attempt - 1)),
    lastFailure: undefined,
    lastFailureCause: undefined,
  });
}

/** The task that the fence names. Throws STALE_LEASE if its holder has it no more. */
export function heldTask(state: RunState, fence: WorkflowTaskFence): StartedTask {
  const task = startedTask(state);
  if (task === undefined || !isHeldBy(state, task, fence)) throw staleLease("this workflow task");
  return task;
}

/** Whether the task that the fence names was closed by its holder in just this way before. The Started of a completed task is the newest of one. */
export function isRepeat(state: RunState, fence: WorkflowTaskFence, how: "completed" | "failed"): boolean {
  if (fence.runId !== state.runId || fence.epoch === 0 || fence.epoch !== state.lastClosedTaskEpoch)
    return false;
  return (state.previousStartedEventId === fence.startedEventId) === (how === "completed");
}

function isHeldBy(state: RunState, { lease, ...task }: StartedTask, fence: WorkflowTaskFence): boolean {
  return (
    fence.runId === state.runId &&
    fence.epoch === lease.epoch &&
    fence.startedEventId === lease.startedEventId &&
    fence.scheduledEventId === task.scheduledEventId &&
    fence.attempt === task.attempt
  );
}

function failAttempt(draft: Draft, task: StartedTask, input: FailTaskInput): void {
  const { scheduledEventId, lease, attempt } = task;
  const failure = input.failure && cutFailure(input.failure, draft.context.limits);
  const cause = input.cause || WorkflowTaskFailureCause.WORKFLOW_ERROR;
  endAttempt(draft, task, {
    kind: {
      case: "workflowTaskFailed",
      value: {
        scheduledEventId,
        startedEventId: lease.startedEventId,
        cause,
        workerId: input.workerId,
        buildId: input.buildId,
        ...(failure === undefined ? {} : { failure }),
      },
    },
    ...input.caller,
    nextAttempt: attempt + 1,
    nextReadyAt: addMs(draft.now, backoffMs(attempt)),
    lastFailure: failure,
    lastFailureCause: cause,
  });
}

function giveBack(draft: Draft, task: StartedTask, cause: WorkflowTaskFailureCause): void {
  const { scheduledEventId, lease, attempt, lastFailure, lastFailureCause, heartbeatSince } = task;
  const value = { scheduledEventId, startedEventId: lease.startedEventId, cause, workerId: lease.workerId };
  endAttempt(draft, task, {
    kind: { case: "workflowTaskFailed", value },
    nextAttempt: attempt,
    nextReadyAt: draft.now,
    lastFailure,
    lastFailureCause,
    heartbeatSince,
  });
}

/** The wait after so many failed attempts: 1 s, 2 s, 4 s and on, at most 10 minutes. */
function backoffMs(failures: number): number {
  return Math.min(firstBackoffMs * 2 ** (failures - 1), longestBackoffMs);
}
