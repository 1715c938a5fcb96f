/** Whom the calls of the model are about, and who makes them: the holder of a lease, or one who has lost it. */
import type { ActivityFence } from "../../../src/core/activity-target.js";
import type { RunState } from "../../../src/core/run-state.js";
import type { Context, RunTransition } from "../../../src/core/transition.js";
import type { WorkflowTaskFence } from "../../../src/core/workflow-task.js";
import { ofWorkflow } from "../../../src/core/workflow-transition.js";
import type { CoreWorld } from "./core-world.js";

export function pickRun(world: CoreWorld, a: number): RunState | undefined {
  const ids = world.workflowIds();
  return world.current(ids[a % ids.length] ?? "");
}

export function withRun(world: CoreWorld, a: number, play: (run: RunState) => void): void {
  const run = pickRun(world, a);
  if (run !== undefined) play(run);
}

/** The run, if it is the current one of its workflow id. */
export function ofRun(world: CoreWorld, runId: string): RunState | undefined {
  const state = world.runs.get(runId)?.state;
  return state !== undefined && world.current(state.workflowId) === state ? state : undefined;
}

export function remember(
  world: CoreWorld,
  { runId, workflowId }: RunState,
  decide: (state: RunState, context: Context) => RunTransition<unknown>,
): void {
  world.made.push({
    workflowId,
    isKnown: () => true,
    decide(workflow, context) {
      const state = world.runs.get(runId)?.state;
      if (state === undefined) throw new Error(`run ${runId} has gone`);
      return ofWorkflow(workflow, state, decide(state, context));
    },
  });
}

/** The lease that is out, and one time in four an old one. */
export function pickTask(world: CoreWorld, a: number, b: number): WorkflowTaskFence | undefined {
  const { taskFences } = world;
  const live = taskFences.filter((fence) => world.reference.mayHold(taskName(fence), fence.epoch));
  const chosen = b % 4 === 3 ? taskFences : live;
  return chosen[a % chosen.length];
}

export const taskName = ({ runId }: WorkflowTaskFence) => `workflow ${runId} 0`;

export function isHolder(world: CoreWorld, run: RunState, fence: WorkflowTaskFence): boolean {
  return (
    world.reference.mayHold(taskName(fence), fence.epoch) && run.workflowTask?.lease?.epoch === fence.epoch
  );
}

/** Only the holder of the lease changes anything. */
export function underTask<T>(
  world: CoreWorld,
  run: RunState,
  fence: WorkflowTaskFence,
  decide: (state: RunState, context: Context) => RunTransition<T>,
): T | undefined {
  if (!isHolder(world, run, fence)) {
    const inVain = (state: RunState, context: Context) => decide(state, context);
    world.callInVain(
      run.workflowId,
      (workflow, context) => ofWorkflow(workflow, run, inVain(run, context)),
      "a stale answer to a workflow task",
    );
    return undefined;
  }
  const outcome = world.call(run, decide);
  const after = world.runs.get(run.runId)?.state;
  if (after !== run) world.reference.released(taskName(fence), fence.epoch);
  return outcome;
}

export function underActivity(
  world: CoreWorld,
  a: number,
  decideBy: (fence: ActivityFence) => (state: RunState, context: Context) => RunTransition<unknown>,
): void {
  const { activityFences, reference } = world;
  const nameOf = ({ runId, seq }: ActivityFence) => `activity ${runId} ${seq}`;
  const live = activityFences.filter((fence) => reference.mayHold(nameOf(fence), fence.epoch));
  const chosen = a % 4 === 3 ? activityFences : live;
  const fence = chosen[(a >> 2) % chosen.length];
  const run = fence && ofRun(world, fence.runId);
  if (fence === undefined || run === undefined) return;
  const decide = decideBy(fence);
  const isHolder =
    reference.mayHold(nameOf(fence), fence.epoch) &&
    run.activities.get(fence.seq)?.lease?.epoch === fence.epoch;
  if (isHolder) {
    world.call(run, decide);
    const after = world.current(run.workflowId);
    if (after !== run) reference.released(nameOf(fence), fence.epoch);
  }
  // Made by a holder who has lost the lease, or once more by the one who has just used it.
  const left = ofRun(world, fence.runId);
  if (left === undefined || reference.mayHold(nameOf(fence), fence.epoch)) return;
  world.callInVain(
    left.workflowId,
    (workflow, context) => ofWorkflow(workflow, left, decide(left, context)),
    "a stale or repeated answer to an activity",
  );
}
