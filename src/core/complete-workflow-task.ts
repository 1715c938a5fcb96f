/** A worker finishes a workflow task: all of its commands take effect, or none does. */
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { WorkflowTaskCompletion } from "../../gen/pawl/v1/task_pb.js";
import { applyCommands, checkCommands, isClosing } from "./commands/apply-commands.js";
import { type Draft, isClosed, openDraft, type Taker } from "./draft.js";
import type { RefusedError } from "./errors.js";
import { type Finishing, finishTask, refuseClose } from "./finish-task.js";
import { staleLease } from "./refusals.js";
import type { Micros, RunState } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import { type StartedTask, scheduleTask } from "./task-attempt.js";
import type { Caller, Context, HandedTask, RunTransition } from "./transition.js";
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
  /** What the worker takes in the answer. Its poll id is known from the call, so that a repeat finds what it was given. */
  readonly taker?: Taker;
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
  /** What was given to the worker in the answer, and is still its own. */
  readonly given: readonly HandedTask[];
}

const nothing: CompleteTaskOutcome = { alreadyApplied: false, refusal: undefined, given: [] };

/** How long a task may be kept alive by completions without commands, in microseconds. */
const longestHeartbeat: Micros = 30 * 60 * 1_000_000;

/** Completes the workflow task with its commands. */
export function completeWorkflowTask(
  state: RunState,
  input: CompleteTaskInput,
  context: Context,
): RunTransition<CompleteTaskOutcome> {
  if (isRepeat(state, input.fence, "completed"))
    return unchanged(state, { alreadyApplied: true, refusal: undefined, given: givenBefore(state, input) });
  const task = heldTask(state, input.fence);
  const { completion } = input;
  const commands = checkCommands(completion.commands);
  const draft = openDraft(state, context);
  const { buildId, sdk, sdkMetadata } = completion;
  const { caller, workerId, events = noEvents } = input;
  const finishing: Finishing = {
    apply: (completedEventId) => applyCommands(draft, commands, { completedEventId, caller, events }),
    caller,
    worker: { workerId, buildId, sdk, sdkMetadata },
  };
  if (completion.commands.some(isClosing) && state.buffered.length > 0)
    return settle(draft, { ...nothing, refusal: refuseClose(draft, task, finishing) });
  const heartbeatSince = isHeartbeat(completion) ? (task.heartbeatSince ?? task.lease.startedAt) : undefined;
  if (heartbeatSince !== undefined && draft.now - heartbeatSince > longestHeartbeat) {
    timeOutTask(draft, task);
    return settle(draft, { ...nothing, refusal: staleLease("this workflow task") });
  }
  finishTask(draft, task, finishing);
  if (!isClosed(draft)) {
    keepSticky(draft, task, input);
    if (completion.requestNewTask) scheduleTask(draft, { heartbeatSince });
  }
  draft.taker = input.taker;
  const settled = settle(draft, nothing);
  const given = settled.handed.filter(({ pollId }) => pollId === input.taker?.poller.pollId);
  return { ...settled, outcome: { ...nothing, given } };
}

/** What a call like this one was given before, as far as it is still out. */
function givenBefore(state: RunState, { taker }: CompleteTaskInput): HandedTask[] {
  if (taker === undefined) return [];
  const { runId, workflowTask, activities } = state;
  const { pollId } = taker.poller;
  const given: HandedTask[] = [];
  if (workflowTask?.lease?.pollId === pollId)
    given.push({ kind: "workflow", pollId, runId, seq: 0, epoch: workflowTask.lease.epoch });
  for (const { seq, lease } of activities.values())
    if (lease?.pollId === pollId) given.push({ kind: "activity", pollId, runId, seq, epoch: lease.epoch });
  return given;
}

function isHeartbeat({ commands, requestNewTask }: WorkflowTaskCompletion): boolean {
  return requestNewTask && commands.length === 0;
}

/** The worker is offered the run's next task first, if it keeps the run in memory. */
function keepSticky(draft: Draft, task: StartedTask, { workerId, isCaching }: CompleteTaskInput): void {
  if (!isCaching || workerId === "") return;
  draft.run.stickyWorkerId = workerId;
  draft.run.stickyEventId = task.lease.startedEventId;
}
