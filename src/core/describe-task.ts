/** Why a workflow task keeps its run from going on. */
import { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { WaitingReason } from "../../gen/pawl/v1/workflow_service_pb.js";
import type { RunState, WorkflowTaskState } from "./run-state.js";
import type { Waiting, WaitingView } from "./waiting.js";
import { iso, messageOf, nameOf } from "./waiting-words.js";

/** Describes the pending workflow task of a run. */
export function describeTask(state: RunState, task: WorkflowTaskState, view: WaitingView): Waiting {
  const failing = failingOf(task);
  if (task.lease !== undefined) {
    const { startedAt, expiresAt } = task.lease;
    const held = `Worker ${nameOf(task.lease)} has its workflow task since ${iso(startedAt)}, until ${iso(expiresAt)} unless it renews it.`;
    return { ...explain(failing, held, WaitingReason.WORKFLOW_TASK), since: startedAt };
  }
  if (task.readyAt > view.now) {
    const next = `The workflow task is given out again at ${iso(task.readyAt)} (attempt ${task.attempt}).`;
    const first = `Its workflow task is given out at ${iso(task.readyAt)}, not before.`;
    const isFirst = failing === undefined;
    return { ...explain(failing, isFirst ? first : next, WaitingReason.TIMER), since: state.lastEventAt };
  }
  const { taskQueue, workflowType: type } = state;
  const queue = `queue "${taskQueue}" for workflow tasks of type "${type}"`;
  const since = iso(task.readyAt);
  if (view.isPolled({ kind: "workflow", taskQueue, type })) {
    const busy = `Waits since ${since} for one of the workers that poll ${queue}: all are busy.`;
    return { ...explain(failing, busy, WaitingReason.WORKERS_BUSY), since: task.readyAt };
  }
  const nobody = `No worker polls ${queue}; its task waits since ${since}.`;
  const { explanation } = explain(failing, nobody, WaitingReason.NO_WORKER);
  return { reason: WaitingReason.NO_WORKER, explanation, since: task.readyAt };
}

/** What is wrong with the code of a run, where something is. */
interface Failing {
  readonly reason: WaitingReason;
  readonly what: string;
}

/** What came in meanwhile makes a failing task an attempt 1 again; its last failure stays with it. */
function failingOf({ attempt, lastFailure, lastFailureCause }: WorkflowTaskState): Failing | undefined {
  const last = lastFailure === undefined ? "" : `: ${messageOf(lastFailure)}`;
  const times = attempt > 2 ? `, ${attempt - 1} times in a row` : "";
  switch (lastFailureCause) {
    case WorkflowTaskFailureCause.NON_DETERMINISM:
      return {
        reason: WaitingReason.NON_DETERMINISM,
        what: `Its code does not replay what history records${times}${last}.`,
      };
    case WorkflowTaskFailureCause.WORKFLOW_ERROR:
      return { reason: WaitingReason.WORKFLOW_ERROR, what: `Its code failed${times}${last}.` };
    default:
      if (attempt === 1) return undefined;
      return {
        reason: WaitingReason.WORKFLOW_ERROR,
        what: `Its workflow task was not completed in time${times}.`,
      };
  }
}

function explain(failing: Failing | undefined, state: string, otherwise: WaitingReason) {
  if (failing === undefined) return { reason: otherwise, explanation: state };
  return { reason: failing.reason, explanation: `${failing.what} ${state}` };
}
