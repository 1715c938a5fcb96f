/** What may happen in the model over core: an entry each, with how often it is chosen. One more operation is one more entry. */
import { create } from "@bufbuild/protobuf";
import { CommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import {
  ActivityCompletionSchema,
  UpdateRequestSchema,
  WorkflowTaskCompletionSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import { ClosedIdPolicy, OpenIdPolicy, WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { completeActivity, returnActivity, startActivity } from "../../../src/core/activity.js";
import { failActivity } from "../../../src/core/activity-retry.js";
import { appendCommands } from "../../../src/core/append-commands.js";
import { cancelWorkflow } from "../../../src/core/cancel.js";
import { completeWorkflowTask } from "../../../src/core/complete-workflow-task.js";
import { type DirectInput, directOperation } from "../../../src/core/direct-operation.js";
import { releaseWorker } from "../../../src/core/release-worker.js";
import type { RunState } from "../../../src/core/run-state.js";
import { signalWorkflow } from "../../../src/core/signal.js";
import { signalWithStart } from "../../../src/core/signal-with-start.js";
import { type StartOutcome, startWorkflow } from "../../../src/core/start.js";
import { terminateWorkflow } from "../../../src/core/terminate.js";
import type { Context } from "../../../src/core/transition.js";
import { admitUpdate } from "../../../src/core/update.js";
import { wake } from "../../../src/core/wake.js";
import {
  failWorkflowTask,
  renewWorkflowTask,
  returnWorkflowTask,
  startWorkflowTask,
} from "../../../src/core/workflow-task.js";
import { caller, commandsOf, poller, startInput } from "../../core/scenario.js";
import { type CommandInit, chooseCommands, chooseDirect } from "../command-table.js";
import { rule } from "../rule.js";
import {
  isHolder,
  ofRun,
  pickRun,
  pickTask,
  remember,
  underActivity,
  underTask,
  withRun,
} from "./callers.js";
import { checkRelease } from "./check-release.js";
import type { CoreWorld } from "./core-world.js";
import { reset } from "./reset.js";

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
  update: {
    weight: 2,
    play: (world, { a }) =>
      withRun(world, a, (run) => {
        const request = create(UpdateRequestSchema, { updateId: world.newName("update"), name: "set" });
        const decide = (state: RunState, context: Context) =>
          admitUpdate(state, { request, contentHash: "h" }, context);
        const before = world.runs.get(run.runId)?.state;
        world.call(run, decide);
        if (world.runs.get(run.runId)?.state !== before) remember(world, run, decide);
      }),
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
  reset: { weight: 2, play: (world, { a, b }) => reset(world, a, b) },
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
        commands: commandsOf([...answersTo(run, b), ...chosen.commands]),
        requestNewTask: b % 7 === 0,
      });
      const eagerSeqs = new Set(a % 3 === 0 ? [lastSeq + 1, lastSeq + 3] : []);
      const taker = { poller: poller(world.newName("answer")), takesNextTask: b % 5 === 0, eagerSeqs };
      const rest = { completion, caller, workerId: "worker", isCaching: a % 2 === 0, taker };
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
  direct: {
    weight: 3,
    play(world, { a, b }) {
      const held = b % 2 === 0 ? pickTask(world, a, b) : undefined;
      const run = held === undefined ? pickRun(world, a) : ofRun(world, held.runId);
      if (run === undefined) return;
      const seq = run.lastSeq + 1;
      const rest = { name: world.newName("sent"), workflowId: workflowIds[b % 3] ?? "", seqs: [] };
      const { kind, makes } = chooseDirect({ seq, a: a >> 1, b: b >> 1, ...rest });
      const input: DirectInput = {
        command: create(CommandSchema, { seq, kind }),
        contentHash: world.newName("content"),
        fence: held,
        lastSeenEventId: a % 5 === 0 ? 0 : run.lastOutsideEventId,
        caller,
        events: new Map(),
      };
      const decide = (state: RunState, context: Context) => directOperation(state, input, context);
      const done = held === undefined ? world.call(run, decide) : underTask(world, run, held, decide);
      const after = world.runs.get(run.runId);
      if (done === undefined || done.refusal !== undefined || after === undefined) return;
      if (done.epoch !== undefined)
        world.noteLease({ kind: "workflow", pollId: "", runId: run.runId, seq: 0, epoch: done.epoch });
      const completed = after.history[done.eventId - 2]?.kind;
      rule(completed?.case === "workflowTaskCompleted", "a direct operation is a workflow task of its own");
      if (completed?.case !== "workflowTaskCompleted") return;
      world.reference.completed(run.runId, completed.value.startedEventId, makes);
      world.reference.checkCommands(run.runId, after.folded);
      remember(world, run, decide);
    },
  },
  /** Sends commands ahead; they are the engine's to keep. */
  append: {
    weight: 1,
    play(world, { a, b }) {
      const fence = pickTask(world, a, b);
      const run = fence && ofRun(world, fence.runId);
      if (fence === undefined || run === undefined) return;
      const offset = run.workflowTask?.appended?.count ?? 0;
      const input = { fence, offset: a % 5 === 0 ? offset + 1 : offset, count: 1 + (b % 3), bytes: 10 };
      const decide = (state: RunState, context: Context) => appendCommands(state, input, context);
      // Unlike other calls under a lease, this one does not end it.
      if (isHolder(world, run, fence)) world.call(run, decide);
      else underTask(world, run, fence, decide);
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

/** Commands about the updates that the run has: accepted, rejected or answered, some of them. */
function answersTo(run: RunState, b: number): CommandInit[] {
  const known = [...run.updates.values()].filter(
    ({ isUnseen, rejection }) => !isUnseen && rejection === undefined,
  );
  return known.flatMap(({ updateId, acceptedEventId }, index): CommandInit[] => {
    const outcome = { case: "failure" as const, value: { message: "no" } };
    const complete: CommandInit = { kind: { case: "completeUpdate", value: { updateId, outcome } } };
    if ((b + index) % 3 === 0) return [];
    if (acceptedEventId !== undefined) return [complete];
    if ((b + index) % 3 === 1) return [{ kind: { case: "rejectUpdate", value: { updateId } } }];
    const accept: CommandInit = { kind: { case: "acceptUpdate", value: { updateId } } };
    return b % 2 === 0 ? [accept, complete] : [accept];
  });
}

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
