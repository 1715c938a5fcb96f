/** The end of a workflow task that its holder finishes: with its commands, or refused since it would close the run unheard. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { appendEvent, type Draft, isClosed, recordEvent, takeBuffered } from "./draft.js";
import { RefusedError } from "./errors.js";
import { flushBuffered } from "./outside.js";
import { endAttempt, forgetSticky, provisionalEvents, type StartedTask } from "./task-attempt.js";
import type { Caller } from "./transition.js";

/** Who finishes a task, and with what. */
export interface Finishing {
  /** Applies the commands, whose task ended with this Completed. */
  readonly apply: (completedEventId: number) => void;
  readonly caller: Caller;
  /** What the holder tells of itself, for the task's Completed. */
  readonly worker: {
    readonly workerId?: string;
    readonly buildId?: string;
    readonly sdk?: string;
    readonly sdkMetadata?: Uint8Array;
  };
}

/** Completes the task and applies its commands; what was buffered gets its ids. Answers the id of the task's Completed. */
export function finishTask(draft: Draft, task: StartedTask, finishing: Finishing): number {
  const { run } = draft;
  const { apply, caller, worker } = finishing;
  // A transient attempt succeeds: what its worker saw behind the history becomes history.
  for (const event of provisionalEvents(run)) recordEvent(draft, event, task.lease.startedAt);
  const { startedEventId, epoch } = task.lease;
  const value = { scheduledEventId: task.scheduledEventId, startedEventId, ...worker };
  const completedEventId = appendEvent(draft, { case: "workflowTaskCompleted", value }, caller);
  run.workflowTask = undefined;
  run.previousStartedEventId = startedEventId;
  run.lastClosedTaskEpoch = epoch;
  forgetSticky(draft);
  apply(completedEventId);
  // What came at once of commands that closed the run has nobody left to hear of it.
  if (isClosed(draft)) takeBuffered(draft);
  else flushBuffered(draft);
  return completedEventId;
}

/** The task would have closed the run while something new had come in: it is made again, so that nothing acknowledged is lost. Answers what its holder is told. */
export function refuseClose(
  draft: Draft,
  task: StartedTask,
  { caller, worker }: Pick<Finishing, "caller" | "worker">,
): RefusedError {
  const cause = WorkflowTaskFailureCause.UNHANDLED_COMMAND;
  const { scheduledEventId, lease, refusedCloses = 0 } = task;
  const { workerId = "", buildId = "" } = worker;
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
  return new RefusedError(ErrorReason.UNHANDLED_COMMAND, message);
}
