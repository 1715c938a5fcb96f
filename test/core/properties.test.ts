import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { ActivityCompletionSchema } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { completeActivity, returnActivity } from "../../src/core/activity.js";
import { failActivity } from "../../src/core/activity-retry.js";
import type { ActivityFence } from "../../src/core/activity-target.js";
import { cancelWorkflow } from "../../src/core/cancel.js";
import { earliestDeadline } from "../../src/core/deadlines.js";
import type { RunState } from "../../src/core/run-state.js";
import { isClosedStatus } from "../../src/core/status.js";
import { terminateWorkflow } from "../../src/core/terminate.js";
import { wake } from "../../src/core/wake.js";
import {
  failWorkflowTask,
  renewWorkflowTask,
  returnWorkflowTask,
  type WorkflowTaskFence,
} from "../../src/core/workflow-task.js";
import { type Folded, foldMore, newFold } from "../model/read-history.js";
import { rule } from "../model/rule.js";
import {
  type CommandInit,
  caller,
  commands,
  explanationsOf,
  newScenario,
  poller,
  refusalOf,
  type Scenario,
} from "./scenario.js";

/** A step of a random test: what is done, and two numbers that vary it. */
interface Step {
  readonly op: keyof typeof operations;
  readonly a: number;
  readonly b: number;
}

/** A run with what a test remembers of it. */
interface Play {
  readonly run: Scenario;
  readonly acknowledged: string[];
  readonly taskFences: WorkflowTaskFence[];
  readonly activityFences: ActivityFence[];
  readonly folded: Folded;
}

const operations = {
  pass: ({ run }: Play, a: number) => run.pass([1, 100, 1_000, 5_000, 20_000, 120_000][a % 6] ?? 1),
  wake: ({ run }: Play) => run.apply(wake),
  wakeWhenDue({ run }: Play) {
    run.now = Math.max(run.now, run.state.wakeupAt ?? 0);
    run.apply(wake);
  },
  toggleWaiting({ run }: Play, a: number) {
    run.waiting =
      a % 2 === 0 ? () => undefined : () => poller(`waiting-${run.handed.length}`, { isCaching: a % 3 > 0 });
  },
  takeTask: (play: Play) => void play.taskFences.push(play.run.takeTask(`poll-${play.run.handed.length}`)),
  completeTask(play: Play, a: number, b: number) {
    const fence = rememberTask(play);
    const isCaching = b % 2 === 0;
    play.run.complete(randomCommands(play.run.state, a, b), {
      fence,
      isCaching,
      requestNewTask: b % 7 === 0,
    });
  },
  repeatTask({ run, taskFences }: Play, a: number) {
    const fence = taskFences[a % taskFences.length];
    if (fence === undefined || fence.epoch === run.state.workflowTask?.lease?.epoch) return;
    expectUnchanged(run, () => run.complete([commands.done()], { fence }));
  },
  failTask(play: Play, a: number) {
    const fence = rememberTask(play);
    const cause = [0, 2, WorkflowTaskFailureCause.WORKER_SHUTDOWN][a % 3] ?? 0;
    const rest = { failure: undefined, caller, workerId: "worker", buildId: "" };
    play.run.apply((state, context) => failWorkflowTask(state, { fence, cause, ...rest }, context));
  },
  returnTask(play: Play) {
    const fence = rememberTask(play);
    play.run.apply((state, context) => returnWorkflowTask(state, { fence }, context));
  },
  renewTask(play: Play) {
    const fence = rememberTask(play);
    play.run.apply((state, context) => renewWorkflowTask(state, fence, context));
  },
  signal({ run, acknowledged }: Play, a: number, b: number) {
    const name = `signal-${a}-${b}-${acknowledged.length}`;
    run.signal(name, name);
    acknowledged.push(name);
  },
  repeatSignal({ run, acknowledged }: Play, a: number) {
    const name = acknowledged[a % acknowledged.length];
    if (name !== undefined) expectUnchanged(run, () => run.signal(name, name));
  },
  cancel({ run }: Play, a: number) {
    if (a % 4 > 0) return;
    const input = { reason: "", cancelPending: a % 8 === 0, requestId: "", contentHash: "", caller };
    run.apply((state, context) => cancelWorkflow(state, input, context));
  },
  terminate({ run }: Play, a: number) {
    if (a % 20 > 0) return;
    const input = { reason: "", details: undefined, requestId: "", contentHash: "", caller };
    run.apply((state, context) => terminateWorkflow(state, input, context));
  },
  takeActivity(play: Play, a: number) {
    const seq = pick(play.run.state.activities.keys(), a);
    if (seq !== undefined)
      play.activityFences.push(play.run.takeActivity(seq, `poll-${play.run.handed.length}`));
  },
  completeActivity({ run, activityFences }: Play, a: number, b: number) {
    const fence = fenceOf(run, activityFences, a);
    const outcomes = [
      { case: undefined },
      { case: "failed", value: { message: "no" } },
      { case: "cancelled", value: {} },
    ] as const;
    const completion = create(ActivityCompletionSchema, { outcome: outcomes[b % 3] ?? { case: undefined } });
    const target = { kind: "fence", fence } as const;
    underLease(run, fence, () =>
      run.apply((state, context) =>
        completeActivity(state, { target, completion, caller, workerId: "" }, context),
      ),
    );
  },
  failActivity({ run, activityFences }: Play, a: number, b: number) {
    const fence = fenceOf(run, activityFences, a);
    const kind = { case: "application", value: { nonRetryable: b % 5 === 0 } } as const;
    const failure = create(FailureSchema, { message: "no", kind });
    const input = {
      target: { kind: "fence", fence },
      failure,
      heartbeatDetails: undefined,
      caller,
      workerId: "",
    } as const;
    underLease(run, fence, () => run.apply((state, context) => failActivity(state, input, context)));
    expectUnchanged(run, () => run.apply((state, context) => failActivity(state, input, context)));
  },
  returnActivity({ run, activityFences }: Play, a: number) {
    const fence = fenceOf(run, activityFences, a);
    underLease(run, fence, () => run.apply((state, context) => returnActivity(state, { fence }, context)));
  },
};

function pick<T>(all: Iterable<T>, at: number): T | undefined {
  const list = [...all];
  return list[at % list.length];
}

/** The fence of the lease that is out, or an old one. */
function rememberTask({ run, taskFences }: Play): WorkflowTaskFence {
  if (run.state.workflowTask?.lease === undefined) return taskFences.at(-1) ?? nobody;
  const fence = run.taskFence();
  taskFences.push(fence);
  return fence;
}

const nobody: WorkflowTaskFence = {
  runId: "run",
  scheduledEventId: 0,
  startedEventId: 0,
  attempt: 0,
  epoch: 0,
};

function fenceOf(run: Scenario, old: readonly ActivityFence[], a: number): ActivityFence {
  const leased = [...run.state.activities.values()].filter(({ lease }) => lease !== undefined);
  const activity = leased[a % leased.length];
  if (activity !== undefined && a % 4 > 0) return { runId: "run", seq: activity.seq, epoch: activity.epoch };
  return old[a % old.length] ?? { runId: "run", seq: 0, epoch: 0 };
}

/** Only the holder of the lease changes anything. */
function underLease(run: Scenario, { seq, epoch }: ActivityFence, call: () => unknown): void {
  if (run.state.activities.get(seq)?.lease?.epoch === epoch) call();
  else expectUnchanged(run, call);
}

function expectUnchanged(run: Scenario, call: () => unknown): void {
  const before = run.state;
  refusalOf(call);
  rule(run.state === before, "a repeat changes nothing");
}

function randomCommands({ lastSeq, activities, timers }: RunState, a: number, b: number): CommandInit[] {
  const made: CommandInit[] = [];
  for (let i = 0; i < b % 4; i++) {
    const seq = lastSeq + made.length + 1;
    const seconds = BigInt([1, 5, 60][(a + i) % 3] ?? 1);
    const timeout = { seconds, nanos: 0 };
    const options = [
      {},
      { scheduleToCloseTimeout: timeout },
      { scheduleToStartTimeout: timeout, startToCloseTimeout: timeout },
      { heartbeatTimeout: timeout, retryPolicy: { maximumAttempts: 0 } },
    ];
    const choices = [
      commands.activity(seq, options[(a + b) % 4]),
      commands.timer(seq, Number(seconds)),
      commands.sideEffect(seq),
      commands.cancelActivity(pick(activities.keys(), a) ?? 1),
      commands.cancelTimer(pick(timers.keys(), a) ?? 1),
      commands.activity(seq),
    ];
    made.push(choices[(a * 7 + i * 5 + b) % 6] ?? commands.sideEffect(seq));
  }
  if (a % 11 === 0)
    made.push([commands.done(), commands.fail(), commands.cancelled()][b % 3] ?? commands.done());
  return made;
}

function check({ run, acknowledged, folded }: Play, before: RunState, digest: readonly unknown[]): void {
  const { state, history } = run;
  rule(isSameList(digestOf(before), digest), "a state is never changed");
  if (isClosedStatus(before.status)) rule(state === before, "a closed run never changes");
  foldMore(folded, history);
  rule(state.nextEventId === folded.nextEventId, "next event id");
  rule(state.status === folded.status, "status");
  rule(state.lastSeq === folded.lastSeq, "last seq");
  rule(state.previousStartedEventId === folded.previousStartedEventId, "previous started event id");
  const signals = state.buffered.flatMap(({ event: { kind } }) =>
    kind.case === "signalReceived" ? [kind.value.name] : [],
  );
  rule(
    isSameList([...folded.signals, ...signals], acknowledged),
    "each acknowledged signal is there once, in order",
  );
  if (isClosedStatus(state.status)) checkClosed(state);
  else checkOpen(state, folded);
}

function checkClosed({ workflowTask, buffered, wakeupAt, activities, timers }: RunState): void {
  rule(
    workflowTask === undefined && buffered.length === 0 && wakeupAt === undefined,
    "nothing is left to do",
  );
  rule(activities.size + timers.size === 0, "nothing is pending in a closed run");
}

function checkOpen(state: RunState, folded: Folded): void {
  checkPending(state, folded);
  checkTask(state, folded);
  const isNew = folded.lastNews > state.previousStartedEventId;
  rule(!isNew || state.workflowTask !== undefined, "what is undelivered has a workflow task");
  rule(state.buffered.length === 0 || state.workflowTask?.lease !== undefined, "only a started task buffers");
  const positions = new Set(state.buffered.map(({ position }) => position));
  rule(positions.size === state.buffered.length, "positions are used once");
  const earliest = earliestDeadline(state) ?? Number.POSITIVE_INFINITY;
  rule((state.wakeupAt ?? Number.POSITIVE_INFINITY) <= earliest, "the wake-up is not late");
  rule(explanationsOf(state).length > 0, "an open run waits for something");
}

/** What history says is pending is pending, but for what has ended in an event that is still buffered. */
function checkPending(state: RunState, folded: Folded): void {
  const activities = new Map(folded.activities);
  const timers = new Map(folded.timers);
  let cancelRequestedEventId = folded.cancelRequestedEventId;
  for (const { event } of state.buffered) {
    const { kind } = event;
    if (kind.case === "timerFired" || kind.case === "timerCancelled") timers.delete(kind.value.seq);
    if (kind.case === "activityCompleted" || kind.case === "activityFailed")
      activities.delete(kind.value.seq);
    if (kind.case === "activityTimedOut" || kind.case === "activityCancelled")
      activities.delete(kind.value.seq);
    if (kind.case === "workflowCancelRequested") cancelRequestedEventId = 0;
  }
  rule(state.cancelRequestedEventId === cancelRequestedEventId, "cancel requested");
  const pending = [...state.activities.values(), ...state.timers.values()];
  const recorded = [...activities, ...timers];
  const ids = pending.flatMap(({ seq, scheduledEventId }) => [seq, scheduledEventId]);
  rule(isSameList(ids, recorded.flat()), "pending activities and timers");
}

function checkTask({ workflowTask: task, nextEventId }: RunState, folded: Folded): void {
  if (folded.task !== undefined) {
    const { scheduled, started } = folded.task;
    rule(task?.attempt === 1 && task.scheduledEventId === scheduled, "the recorded task is pending");
    rule(
      (task?.lease?.startedEventId ?? 0) === started,
      "the recorded task is started if its event is there",
    );
  } else if (task !== undefined) {
    rule(task.attempt > 1 && task.scheduledEventId === nextEventId, "later attempts are out of history");
  }
}

/** Whatever a state holds, to see that nobody changes it. */
function digestOf(state: RunState): unknown[] {
  const { activities, timers, keys, buffered } = state;
  return [...Object.values(state), ...activities.values(), ...timers.values(), ...keys.values(), ...buffered];
}

function isSameList(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}

function playStep(play: Play, { op, a, b }: Step): void {
  const before = play.run.state;
  const digest = digestOf(before);
  const run: (play: Play, a: number, b: number) => void = operations[op];
  try {
    run(play, a, b);
  } catch (error) {
    // A refusal changes nothing; a helper says so when there is nothing to take.
    if (!(error instanceof Error) || !/ready|started|RefusedError/.test(`${error.name} ${error.message}`))
      throw error;
    rule(play.run.state === before, "a refusal changes nothing");
  }
  check(play, before, digest);
}

/** Lets time pass until nothing is due any more: timers and timeouts all come. */
function finish({ run, folded }: Play): void {
  run.waiting = () => undefined;
  for (let i = 0; i < 1_000 && run.state.wakeupAt !== undefined; i++) {
    run.now = Math.max(run.now, run.state.wakeupAt);
    run.apply(wake);
    foldMore(folded, run.history);
  }
  rule(run.state.wakeupAt === undefined && run.state.timers.size === 0, "all timers fire");
}

const step: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom(
    ...(Object.keys(operations) as Step["op"][]),
    "completeTask",
    "takeTask",
    "takeActivity",
  ),
  a: fc.nat(1_000),
  b: fc.nat(1_000),
});

describe("any sequence of operations", () => {
  it("keeps the invariants of the run model after every step", () => {
    let steps = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 200, size: "max" }), (sequence) => {
        const play: Play = {
          run: newScenario(),
          acknowledged: [],
          taskFences: [],
          activityFences: [],
          folded: newFold(),
        };
        for (const next of sequence) {
          playStep(play, next);
          steps += 1;
        }
        finish(play);
      }),
      { numRuns: 220, seed: Number(process.env.PAWL_TEST_SEED ?? 20_261), endOnFailure: false },
    );
    expect(steps).toBeGreaterThanOrEqual(20_000);
  });
});
