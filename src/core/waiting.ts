/** What a run waits for: everything that holds, the most telling first. */
import { WaitingReason } from "../../gen/pawl/v1/workflow_service_pb.js";
import { describeActivities } from "./describe-activities.js";
import { describeOthers } from "./describe-others.js";
import { describeTask } from "./describe-task.js";
import type { Micros, RunState } from "./run-state.js";
import { isClosedStatus } from "./status.js";

/** One thing that a run waits for. */
export interface Waiting {
  readonly reason: WaitingReason;
  /** A sentence or two for people. */
  readonly explanation: string;
  /** Since when, as far as the state tells: at the latest since the last event. */
  readonly since: Micros;
}

/** What has to be known beside the state. */
export interface WaitingView {
  readonly now: Micros;
  /** Whether a worker that takes such tasks was seen to poll lately. */
  isPolled(need: TaskNeed): boolean;
}

/** What a worker must handle to take a task. */
export interface TaskNeed {
  readonly kind: "workflow" | "activity";
  readonly taskQueue: string;
  readonly type: string;
}

/** The longest explanation, in UTF-16 units. */
const maxLength = 1_000;

/** Without a workflow task, which always leads since the code can't go on without it. */
const order = [
  WaitingReason.NO_WORKER,
  WaitingReason.ACTIVITY_BACK_OFF,
  WaitingReason.WORKERS_BUSY,
  WaitingReason.ACTIVITY,
  WaitingReason.CHILD,
  WaitingReason.TIMER,
  WaitingReason.SIGNAL,
];

/** Reads what a run waits for. Nothing for a closed run; something for any other. */
export function readWaiting(state: RunState, view: WaitingView): Waiting[] {
  if (isClosedStatus(state.status)) return [];
  const rank = ({ reason }: Waiting) => order.indexOf(reason);
  // Sorting is stable: what is told of in order stays so.
  const pending = [
    ...describeActivities([...state.activities.values()], view, rank),
    ...describeOthers(state),
  ].sort((a, b) => rank(a) - rank(b));
  const { workflowTask } = state;
  const task = workflowTask === undefined ? [] : [describeTask(state, workflowTask, view)];
  const found = [...task, ...pending];
  if (found.length === 0) return [signalOnly(state)];
  return found.map((waiting) => ({ ...waiting, explanation: waiting.explanation.slice(0, maxLength) }));
}

/** Whether the run has a task that no worker has: then it matters who polls. */
export function needsWorker({ workflowTask, activities }: RunState): boolean {
  if (workflowTask !== undefined && workflowTask.lease === undefined) return true;
  return [...activities.values()].some(({ lease }) => lease === undefined);
}

function signalOnly({ lastEventAt }: RunState): Waiting {
  const explanation = "Waits for a signal: nothing else is pending.";
  return { reason: WaitingReason.SIGNAL, explanation, since: lastEventAt };
}
