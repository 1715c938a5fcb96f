/**
 * A direct operation: a workflow task of one command, made by a caller that needs no poll for it. Known by its seq, so that a caller which runs its
 * function again from the top gets what was recorded.
 */
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { type Applying, applyCommand, checkCommands, isClosing } from "./commands/apply-commands.js";
import { commandName } from "./commands/scope.js";
import { type Draft, isClosed, openDraft, putKey } from "./draft.js";
import { RefusedError } from "./errors.js";
import { type Finishing, finishTask, refuseClose } from "./finish-task.js";
import { invalidField, workflowClosed } from "./refusals.js";
import { type RunState, runKeyId } from "./run-state.js";
import { settle, unchanged } from "./settle.js";
import { isClosedStatus } from "./status.js";
import { type StartedTask, scheduleTask, startTask } from "./task-attempt.js";
import type { Caller, Context, RunTransition } from "./transition.js";
import { heldTask, type WorkflowTaskFence } from "./workflow-task.js";

/** What is to be done, and by whom. */
export interface DirectInput {
  /** The command, with the seq of the operation. */
  readonly command: Command;
  /** Hash of what a repeat must have in common. */
  readonly contentHash: string;
  /** The workflow task that the caller holds. Undefined: none. */
  readonly fence: WorkflowTaskFence | undefined;
  /** For a command that closes the run: the newest event that the caller has seen. */
  readonly lastSeenEventId: number;
  readonly caller: Caller;
  /** Events of the run that the command refers to, by id. */
  readonly events: ReadonlyMap<number, HistoryEvent>;
}

/** What became of it. */
export interface DirectOutcome {
  /** The run as it is now, but for its version. */
  readonly run: RunState;
  /** The event that the command made. */
  readonly eventId: number;
  /** The seq was used by this very operation before: nothing was written. */
  readonly isExisting: boolean;
  /** The epoch of the next workflow task, which the caller holds. Undefined: it holds none. */
  readonly epoch: number | undefined;
  /** Why the caller is refused although the run has changed. */
  readonly refusal: RefusedError | undefined;
}

/** Does what the command says. */
export function directOperation(
  state: RunState,
  input: DirectInput,
  context: Context,
): RunTransition<DirectOutcome> {
  const existing = findExisting(state, input);
  if (existing !== undefined) return unchanged(state, existing);
  const { command, fence, caller, events } = input;
  const held = fence && heldTask(state, fence);
  if (isClosedStatus(state.status)) throw workflowClosed(state);
  if (held === undefined && state.workflowTask?.lease !== undefined) throw taskStarted(state);
  if (held?.appended !== undefined) throw hasAppended();
  if (isClosing(command)) requireSeen(state, input.lastSeenEventId);
  const draft = openDraft(state, context);
  const finishing: Finishing = {
    apply: (completedEventId) => applyAlone(draft, command, { completedEventId, caller, events }),
    caller,
    worker: { workerId: held?.lease.workerId ?? "" },
  };
  if (held !== undefined && isClosing(command) && state.buffered.length > 0)
    return settleDirect(draft, { eventId: 0, isHeld: false, refusal: refuseClose(draft, held, finishing) });
  const task = held ?? startImplicitly(draft, caller);
  const eventId = finishTask(draft, task, finishing) + 1;
  draft.run.lastSeq = Math.max(draft.run.lastSeq, command.seq);
  putKey(draft, { kind: "seq", key: String(command.seq), eventId, contentHash: input.contentHash });
  const isHeld = held !== undefined && !isClosed(draft);
  if (isHeld) startNext(draft, held);
  // Nobody has seen the task that was there before.
  else if (state.workflowTask !== undefined && !isClosed(draft)) draft.hasNews = true;
  return settleDirect(draft, { eventId, isHeld });
}

function applyAlone(draft: Draft, command: Command, applying: Applying): void {
  for (const checked of checkCommands([command])) applyCommand(draft, checked, applying, "command");
}

/** What the operation of this seq did before; undefined if there was none. Throws NON_DETERMINISM if it was another one. */
function findExisting(state: RunState, input: DirectInput): DirectOutcome | undefined {
  const { command, contentHash } = input;
  const { seq } = command;
  const key = state.keys.get(runKeyId("seq", String(seq)));
  if (key === undefined && seq > state.lastSeq) return undefined;
  if (key?.contentHash === contentHash)
    return {
      run: state,
      eventId: key.eventId,
      isExisting: true,
      epoch: epochBehind(state, input.fence),
      refusal: undefined,
    };
  const name = commandName(command);
  const recorded = key === undefined ? "a command of a workflow task" : `event ${key.eventId}`;
  const message = `seq ${seq} was used before by ${recorded}, which is not this ${name}: the code does not replay as it ran`;
  throw new RefusedError(ErrorReason.NON_DETERMINISM, message, { seq: String(seq), recorded, given: name });
}

/** The epoch of the task that the holder went on with, and still holds; leases from polls have the id of their poll. */
function epochBehind(state: RunState, fence: WorkflowTaskFence | undefined): number | undefined {
  const lease = state.workflowTask?.lease;
  const isNext = fence !== undefined && lease?.epoch === fence.epoch + 1 && lease.pollId === "";
  return isNext && state.lastClosedTaskEpoch === fence.epoch ? lease.epoch : undefined;
}

/** Takes the pending workflow task, or makes one. */
function startImplicitly(draft: Draft, { identity, principal }: Caller): StartedTask {
  const task = draft.run.workflowTask ?? scheduleTask(draft);
  return startTask(draft, task, { workerId: "", identity, principal, pollId: "", isCaching: false });
}

/** The holder of the task goes on with the next one. */
function startNext(draft: Draft, { lease }: StartedTask): void {
  const { workerId, identity, principal } = lease;
  startTask(draft, scheduleTask(draft), { workerId, identity, principal, pollId: "", isCaching: false });
}

function settleDirect(
  draft: Draft,
  { eventId, isHeld, refusal }: { eventId: number; isHeld: boolean; refusal?: RefusedError },
): RunTransition<DirectOutcome> {
  const transition = settle(draft, undefined);
  const run = transition.after;
  const epoch = isHeld ? run.workflowTask?.lease?.epoch : undefined;
  return { ...transition, outcome: { run, eventId, isExisting: false, epoch, refusal } };
}

function taskStarted({ workflowId }: RunState): RefusedError {
  const message = `a worker holds the workflow task of workflow "${workflowId}": try again, or pass the task's token`;
  return new RefusedError(ErrorReason.WORKFLOW_TASK_STARTED, message);
}

function hasAppended(): RefusedError {
  return invalidField(
    "task_token",
    "is of a task that commands were sent ahead for: complete it, or fail it",
  );
}

function requireSeen({ lastOutsideEventId, workflowId }: RunState, lastSeenEventId: number): void {
  if (lastOutsideEventId <= lastSeenEventId) return;
  const message = `event ${lastOutsideEventId} of workflow "${workflowId}" came from outside and lies behind last_seen_event_id ${lastSeenEventId}: read the history on and decide again`;
  throw new RefusedError(ErrorReason.UNHANDLED_EVENTS, message, { event_id: String(lastOutsideEventId) });
}
