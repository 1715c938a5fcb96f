/** What may happen in the model over core: an entry each, with how often it is chosen. One more operation is one more entry. */
import { create } from "@bufbuild/protobuf";
import { FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import { ActivityCompletionSchema, WorkflowTaskCompletionSchema } from "../../../gen/pawl/v1/task_pb.js";
import { ClosedIdPolicy, OpenIdPolicy, WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { completeActivity, returnActivity, startActivity } from "../../../src/core/activity.js";
import { failActivity } from "../../../src/core/activity-retry.js";
import type { ActivityFence } from "../../../src/core/activity-target.js";
import { cancelWorkflow } from "../../../src/core/cancel.js";
import { completeWorkflowTask } from "../../../src/core/complete-workflow-task.js";
import { releaseWorker } from "../../../src/core/release-worker.js";
import type { RunState } from "../../../src/core/run-state.js";
import { signalWorkflow } from "../../../src/core/signal.js";
import { signalWithStart } from "../../../src/core/signal-with-start.js";
import { type StartOutcome, startWorkflow } from "../../../src/core/start.js";
import { terminateWorkflow } from "../../../src/core/terminate.js";
import type { Context, RunTransition } from "../../../src/core/transition.js";
import { wake } from "../../../src/core/wake.js";
import {
  failWorkflowTask,
  renewWorkflowTask,
  returnWorkflowTask,
  startWorkflowTask,
  type WorkflowTaskFence,
} from "../../../src/core/workflow-task.js";
import { ofWorkflow } from "../../../src/core/workflow-transition.js";
import { caller, commandsOf, poller, startInput } from "../../core/scenario.js";
import { chooseCommands } from "../command-table.js";
import { rule } from "../rule.js";
import { checkRelease } from "./check-release.js";
import type { CoreWorld } from "./core-world.js";

/** Numbers that vary an operation. */
export interface Dice {
  readonly a: number;
  readonly b: number;
}

interface Operation {
  readonly weight: number;
  readonly play: (world: CoreWorld, dice: Dice) => void;
}

const workflowIds = ["wf-0", "wf-1", "wf-2"];

/** All operations by name. */
export const operations: Record<string, Operation> = {
  start: { weight: 2, play: (world, dice) => start(world, dice, false) },
  signalWithStart: { weight: 1, play: (world, dice) => start(world, dice, true) },
  signal: {
    weight: 3,
    play(world, { a }) {
      const run = pickRun(world, a);
      if (run === undefined) return;
      const name = world.newName("signal");
      const input = signalInput(name);
      const before = world.runs.get(run.runId)?.state;
      world.call(run, (state, context) => signalWorkflow(state, input, context));
      if (world.runs.get(run.runId)?.state === before) return;
      world.reference.signalled(name, run.workflowId, run.runId);
      remember(world, run, (state, context) => signalWorkflow(state, input, context));
    },
  },
  cancel: {
    weight: 1,
    play(world, { a, b }) {
      const run = pickRun(world, a);
      if (run === undefined || b % 3 > 0) return;
      const rest = { reason: "", cancelPending: b % 2 === 0, contentHash: "h", caller };
      const input = { ...rest, requestId: world.newName("cancel") };
      const isDone = world.call(run, (state, context) => cancelWorkflow(state, input, context)) !== undefined;
      if (isDone) remember(world, run, (state, context) => cancelWorkflow(state, input, context));
    },
  },
  terminate: {
    weight: 1,
    play(world, { a, b }) {
      const run = pickRun(world, a);
      if (run === undefined || b % 6 > 0) return;
      const rest = { reason: "", details: undefined, contentHash: "h", caller };
      const input = { ...rest, requestId: world.newName("terminate") };
      const decide = (state: RunState, context: Context) => terminateWorkflow(state, input, context);
      world.call(run, decide);
      remember(world, run, decide);
    },
  },
  /** The answer was lost, or comes late: the same call once more. */
  repeat: {
    weight: 3,
    play(world, { a }) {
      const call = world.made[a % world.made.length];
      if (call?.isKnown() === true) world.callInVain(call.workflowId, call.decide, "a repeated request");
    },
  },
  pass: {
    weight: 2,
    play(world, { a }) {
      world.now += ([1, 100, 1_000, 5_000, 20_000, 120_000][a % 6] ?? 1) * 1_000;
    },
  },
  wake: { weight: 1, play: (world, { a }) => withRun(world, a, (run) => void world.call(run, wake)) },
  wakeWhenDue: {
    weight: 2,
    play: (world, { a }) =>
      withRun(world, a, (run) => {
        world.now = Math.max(world.now, run.wakeupAt ?? 0);
        world.call(run, wake);
      }),
  },
  toggleWaiting: {
    weight: 1,
    play(world, { a }) {
      const isCaching = a % 3 > 0;
      world.waiting = a % 2 === 0 ? () => undefined : () => poller(world.newName("waiting"), { isCaching });
    },
  },
  deliver: {
    weight: 4,
    play(world, { a, b }) {
      const next = world.mail[a % world.mail.length];
      if (next !== undefined) world.deliver(next.receiver.workflowId, 1 + (b % 3));
    },
  },
  takeTask: {
    weight: 4,
    play: (world, { a }) =>
      withRun(world, a, (run) => {
        const who = poller(world.newName("poll"), { isCaching: a % 2 === 0 });
        const handed = world.call(run, (state, context) =>
          startWorkflowTask(state, { poller: who }, context),
        );
        const now = world.current(run.workflowId);
        if (handed === undefined || now === undefined) return;
        // The poll's answer was lost: the same poll finds its own, another finds nothing.
        for (const again of [who, poller("another")]) {
          const { after, outcome } = startWorkflowTask(now, { poller: again }, world.context());
          rule(
            after === now && (outcome?.epoch === handed.epoch) === (again === who),
            "a poll finds its own",
          );
        }
      }),
  },
  completeTask: {
    weight: 6,
    play(world, { a, b }) {
      const fence = pickTask(world, a, b);
      const run = fence && ofRun(world, fence.runId);
      if (fence === undefined || run === undefined) return;
      const { lastSeq, activities, timers, children } = run;
      const seqs = [...activities.keys(), ...timers.keys(), ...children.keys()];
      const workflowId = workflowIds[b % 3] ?? "";
      const chosen = chooseCommands({ a, b, name: world.newName("sent"), workflowId, seqs, lastSeq });
      const completion = create(WorkflowTaskCompletionSchema, {
        commands: commandsOf(chosen.commands),
        requestNewTask: b % 7 === 0,
      });
      const rest = { completion, caller, workerId: "worker", isCaching: a % 2 === 0 };
      const decide = (state: RunState, context: Context) =>
        completeWorkflowTask(state, { fence, ...rest }, context);
      const outcome = underTask(world, run, fence, decide);
      if (outcome === undefined || outcome.refusal !== undefined || outcome.alreadyApplied) return;
      world.reference.completed(run.runId, fence.startedEventId, chosen.makes);
      const model = world.runs.get(run.runId);
      if (model === undefined) return;
      world.reference.checkCommands(run.runId, model.folded);
      const again = decide(model.state, world.context());
      rule(again.after === model.state && again.outcome.alreadyApplied, "a repeated completion is known");
    },
  },
  failTask: {
    weight: 1,
    play(world, { a, b }) {
      const fence = pickTask(world, a, b);
      const run = fence && ofRun(world, fence.runId);
      if (fence === undefined || run === undefined) return;
      const cause = [0, 2, WorkflowTaskFailureCause.WORKER_SHUTDOWN][a % 3] ?? 0;
      const input = { fence, cause, failure: undefined, caller, workerId: "worker", buildId: "" };
      underTask(world, run, fence, (state, context) => failWorkflowTask(state, input, context));
    },
  },
  returnTask: {
    weight: 1,
    play(world, { a, b }) {
      const fence = pickTask(world, a, b);
      const run = fence && ofRun(world, fence.runId);
      if (fence === undefined || run === undefined) return;
      underTask(world, run, fence, (state, context) => returnWorkflowTask(state, { fence }, context));
    },
  },
  renewTask: {
    weight: 1,
    play(world, { a, b }) {
      const fence = pickTask(world, a, b);
      const run = fence && ofRun(world, fence.runId);
      if (fence === undefined || run === undefined || !isHolder(world, run, fence)) return;
      world.call(run, (state, context) => renewWorkflowTask(state, fence, context));
    },
  },
  takeActivity: {
    weight: 4,
    play: (world, { a, b }) =>
      withRun(world, a, (run) => {
        const seq = [...run.activities.keys()][b % run.activities.size];
        const who = poller(world.newName("poll"));
        if (seq !== undefined)
          world.call(run, (state, context) => startActivity(state, { seq, poller: who }, context));
      }),
  },
  completeActivity: {
    weight: 3,
    play(world, { a, b }) {
      const outcomes = [
        { case: undefined },
        { case: "failed", value: { message: "no" } },
        { case: "cancelled", value: {} },
      ] as const;
      const completion = create(ActivityCompletionSchema, {
        outcome: outcomes[b % 3] ?? { case: undefined },
      });
      underActivity(world, a, (fence) => (state, context) => {
        const target = { kind: "fence", fence } as const;
        return completeActivity(state, { target, completion, caller, workerId: "" }, context);
      });
    },
  },
  failActivity: {
    weight: 2,
    play(world, { a, b }) {
      const kind = { case: "application", value: { nonRetryable: b % 5 === 0 } } as const;
      const rest = { heartbeatDetails: undefined, caller, workerId: "" };
      const failure = create(FailureSchema, { message: "no", kind });
      underActivity(world, a, (fence) => (state, context) => {
        const target = { kind: "fence", fence } as const;
        return failActivity(state, { target, failure, ...rest }, context);
      });
    },
  },
  returnActivity: {
    weight: 1,
    play: (world, { a }) =>
      underActivity(world, a, (fence) => (state, context) => returnActivity(state, { fence }, context)),
  },
  releaseWorker: {
    weight: 1,
    play: (world, { a, b }) =>
      withRun(world, a, (run) => {
        const { workerId } = poller("any");
        const silentSince = world.now - ([0, 0, 1_000_000, 20_000_000][b % 4] ?? 0);
        const dead = { workerId: b % 5 === 0 ? "another" : workerId, silentSince };
        const released = world.call(run, (state, context) => releaseWorker(state, dead, context));
        rule(released !== undefined, "a release is never refused");
        checkRelease(run, world.runs.get(run.runId)?.state ?? run, dead, world.now);
      }),
  },
};

function signalInput(name: string) {
  const rest = { payload: undefined, header: undefined, links: [], contentHash: "h", caller };
  return { name, requestId: name, ...rest };
}

function start(world: CoreWorld, { a, b }: Dice, isSignalled: boolean): void {
  const workflowId = workflowIds[a % 3] ?? "";
  const requestId = world.newName("start");
  const seconds = { seconds: BigInt([5, 60, 3_600][b % 3] ?? 5), nanos: 0 };
  const options = [
    {},
    { runTimeout: seconds },
    { executionTimeout: seconds },
    { startDelay: seconds },
    { retryPolicy: { maximumAttempts: 3 } },
    { runTimeout: seconds, retryPolicy: { maximumAttempts: 2 } },
  ];
  const openIdPolicy = [OpenIdPolicy.FAIL, OpenIdPolicy.USE_EXISTING, OpenIdPolicy.TERMINATE_EXISTING][b % 5];
  const closedIdPolicy = [ClosedIdPolicy.REJECT][a % 7];
  const policies = {
    ...(openIdPolicy === undefined ? {} : { openIdPolicy }),
    ...(closedIdPolicy === undefined ? {} : { closedIdPolicy }),
  };
  const spec = { ...options[(b >> 3) % options.length], ...policies };
  const input = startInput(spec, { workflowId, requestId, requestHash: "h" });
  const name = world.newName("signal");
  const decide = (workflow: Parameters<typeof startWorkflow>[0], context: Context) =>
    isSignalled
      ? signalWithStart(workflow, { ...input, signal: signalInput(name) }, context)
      : startWorkflow(workflow, input, context);
  const outcome: StartOutcome | undefined = world.callAll(workflowId, decide);
  if (outcome === undefined) return;
  world.reference.started(requestId, outcome.runId);
  if (isSignalled) world.reference.signalled(name, workflowId, outcome.runId);
  if (outcome.isStarted)
    world.made.push({ workflowId, decide, isKnown: () => world.lastStarts.get(workflowId) === requestId });
}

function pickRun(world: CoreWorld, a: number): RunState | undefined {
  const ids = world.workflowIds();
  return world.current(ids[a % ids.length] ?? "");
}

function withRun(world: CoreWorld, a: number, play: (run: RunState) => void): void {
  const run = pickRun(world, a);
  if (run !== undefined) play(run);
}

/** The run, if it is the current one of its workflow id. */
function ofRun(world: CoreWorld, runId: string): RunState | undefined {
  const state = world.runs.get(runId)?.state;
  return state !== undefined && world.current(state.workflowId) === state ? state : undefined;
}

function remember(
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
function pickTask(world: CoreWorld, a: number, b: number): WorkflowTaskFence | undefined {
  const { taskFences } = world;
  const live = taskFences.filter((fence) => world.reference.mayHold(taskName(fence), fence.epoch));
  const chosen = b % 4 === 3 ? taskFences : live;
  return chosen[a % chosen.length];
}

const taskName = ({ runId }: WorkflowTaskFence) => `workflow ${runId} 0`;

function isHolder(world: CoreWorld, run: RunState, fence: WorkflowTaskFence): boolean {
  return (
    world.reference.mayHold(taskName(fence), fence.epoch) && run.workflowTask?.lease?.epoch === fence.epoch
  );
}

/** Only the holder of the lease changes anything. */
function underTask<T>(
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

function underActivity(
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
