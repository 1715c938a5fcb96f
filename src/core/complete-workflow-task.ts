/** A worker finishes a workflow task: all of its commands take effect, or none does. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { WorkflowTaskCompletion } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { applyCommands, type CheckedCommand, checkCommands, isClosing } from "./commands/apply-commands.js";
import { appendEvent, type Draft, isClosed, openDraft, recordEvent, takeBuffered } from "./draft.js";
import { RefusedError } from "./errors.js";
import { flushBuffered } from "./outside.js";
import { notImplemented, staleLease } from "./refusals.js";
import type { Micros, RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import { endAttempt, provisionalEvents, type StartedTask, scheduleTask } from "./task-attempt.js";
import type { Caller, Context, RunTransition } from "./transition.js";
import { heldTask, isRepeat, timeOutTask, type WorkflowTaskFence } from "./workflow-task.js";

/** What a worker hands in. */
export interface CompleteTaskInput {
  readonly fence: WorkflowTaskFence;
  readonly completion: WorkflowTaskCompletion;
  readonly caller: Caller;
  /** Empty: anonymous. */
  readonly workerId: string;
  /** Whether the worker keeps the run in memory. */
  readonly isCaching: boolean;
  /** Events of the run that the commands refer to, by id. */
  readonly events?: ReadonlyMap<number, HistoryEvent>;
}

const noEvents: ReadonlyMap<number, HistoryEvent> = new Map();

/** What became of it. */
export interface CompleteTaskOutcome {
  /** It had been completed before: this is a repeat. */
  readonly alreadyApplied: boolean;
  /** Why the caller is refused although the run has changed: the task ended without success. */
  readonly refusal: RefusedError | undefined;
}

/** How long a task may be kept alive by completions without commands, in microseconds. */
const longestHeartbeat: Micros = 30 * 60 * 1_000_000;

/** Completes the workflow task with its commands. */
export function completeWorkflowTask(
  state: RunState,
  input: CompleteTaskInput,
  context: Context,
): RunTransition<CompleteTaskOutcome> {
  if (isRepeat(state, input.fence, "completed"))
    return unchanged(state, { alreadyApplied: true, refusal: undefined });
  const task = heldTask(state, input.fence);
  const { completion } = input;
  if (completion.queryAnswers.length > 0) throw notImplemented("query_answers");
  const commands = checkCommands(completion.commands);
  const draft = openDraft(state, context);
  if (completion.commands.some(isClosing) && state.buffered.length > 0)
    return refuseClose(draft, task, input);
  const heartbeatSince = isHeartbeat(completion) ? (task.heartbeatSince ?? task.lease.startedAt) : undefined;
  if (heartbeatSince !== undefined && draft.now - heartbeatSince > longestHeartbeat) {
    timeOutTask(draft, task);
    return settle(draft, { alreadyApplied: false, refusal: staleLease("this workflow task") });
  }
  complete(draft, task, commands, input, heartbeatSince);
  return settle(draft, { alreadyApplied: false, refusal: undefined });
}

function isHeartbeat({ commands, requestNewTask }: WorkflowTaskCompletion): boolean {
  return requestNewTask && commands.length === 0;
}

function complete(
  draft: Draft,
  task: StartedTask,
  commands: readonly CheckedCommand[],
  { completion, caller, workerId, isCaching, events = noEvents }: CompleteTaskInput,
  heartbeatSince: Micros | undefined,
): void {
  const { run } = draft;
  // A transient attempt succeeds: what its worker saw behind the history becomes history.
  for (const event of provisionalEvents(run)) recordEvent(draft, event, task.lease.startedAt);
  const { startedEventId, epoch } = task.lease;
  const { buildId, sdk, sdkMetadata } = completion;
  const { scheduledEventId } = task;
  const value = { scheduledEventId, startedEventId, workerId, buildId, sdk, sdkMetadata };
  const completedEventId = appendEvent(draft, { case: "workflowTaskCompleted", value }, caller);
  run.workflowTask = undefined;
  run.previousStartedEventId = startedEventId;
  run.lastClosedTaskEpoch = epoch;
  run.stickyWorkerId = isCaching ? workerId : "";
  run.stickyEventId = run.stickyWorkerId === "" ? 0 : startedEventId;
  applyCommands(draft, commands, { completedEventId, caller, events });
  if (isClosed(draft)) {
    // What came of its own commands at once, behind them: nobody is left to hear of it.
    takeBuffered(draft);
    return;
  }
  flushBuffered(draft);
  if (completion.requestNewTask) scheduleTask(draft, { heartbeatSince });
}

/** It would have closed the run while something new had come in: the task is made again, so that nothing acknowledged is lost. */
function refuseClose(
  draft: Draft,
  task: StartedTask,
  { caller, workerId, completion }: CompleteTaskInput,
): RunTransition<CompleteTaskOutcome> {
  const cause = WorkflowTaskFailureCause.UNHANDLED_COMMAND;
  const { scheduledEventId, lease, refusedCloses = 0 } = task;
  const { buildId } = completion;
  const value = { scheduledEventId, startedEventId: lease.startedEventId, cause, workerId, buildId };
  endAttempt(draft, task, {
    kind: { case: "workflowTaskFailed", value },
    ...caller,
    nextAttempt: 1,
    nextReadyAt: draft.now,
    lastFailure: undefined,
    lastFailureCause: cause,
    refusedCloses: refusedCloses + 1,
  });
  const message =
    "something came in while this task was closing the run, so the task is made again; poll for it";
  const refusal = new RefusedError(ErrorReason.UNHANDLED_COMMAND, message);
  return settle(draft, { alreadyApplied: false, refusal });
}
