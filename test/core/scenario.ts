/** One run in a test: a clock, pollers, and every transition applied to it, with its history kept. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Command, CommandSchema } from "../../gen/pawl/v1/command_pb.js";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { WorkflowTaskCompletionSchema } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowSpecSchema } from "../../gen/pawl/v1/workflow_pb.js";
import { startActivity } from "../../src/core/activity.js";
import type { ActivityFence } from "../../src/core/activity-target.js";
import { type CompleteTaskOutcome, completeWorkflowTask } from "../../src/core/complete-workflow-task.js";
import type { Taker } from "../../src/core/draft.js";
import { RefusedError } from "../../src/core/errors.js";
import { defaultLimits, type Limits } from "../../src/core/limits.js";
import type { RunState, Workflow } from "../../src/core/run-state.js";
import { signalWorkflow } from "../../src/core/signal.js";
import { type StartInput, startWorkflow } from "../../src/core/start.js";
import type { Context, HandedTask, Poller, RunTransition, TaskOffer } from "../../src/core/transition.js";
import { readWaiting } from "../../src/core/waiting.js";
import { startWorkflowTask, type WorkflowTaskFence } from "../../src/core/workflow-task.js";

/** A command as a test writes it. */
export type CommandInit = MessageInitShape<typeof CommandSchema>;

export const caller = { identity: "caller", principal: "principal" };
export const startTime = 1_700_000_000_000_000;

/** A workflow id that was never started. */
export const unknownWorkflow: Workflow = {
  namespaceId: "ns",
  workflowId: "wf",
  pointer: undefined,
  run: undefined,
};

/** A start, with what matters to the test. */
export function startInput(
  spec: MessageInitShape<typeof WorkflowSpecSchema> = {},
  rest: Partial<StartInput> = {},
): StartInput {
  return {
    namespace: "main",
    workflowId: "wf",
    spec: create(WorkflowSpecSchema, { workflowType: "Order", ...spec }),
    requestId: "",
    requestHash: "",
    caller,
    ...rest,
  };
}

/** A poll of a worker. */
export function poller(pollId: string, rest: Partial<Poller> = {}): Poller {
  return { workerId: "worker", identity: "w", principal: "", pollId, isCaching: false, ...rest };
}

/** A context at a time. */
export function contextAt(now: number, rest: Partial<Context> = {}): Context {
  return {
    now,
    limits: defaultLimits,
    newRunId: () => "run",
    namespaceId: (name) => (name === "other" ? "other-ns" : undefined),
    random: () => 0.5,
    takePoller: () => undefined,
    ...rest,
  };
}

/** The reason for which a call is refused; undefined if it is not. */
export function refusalOf(call: () => unknown): RefusedError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
}

/** The name of that reason. */
export function reasonOf(call: () => unknown): string | undefined {
  const refusal = refusalOf(call);
  return refusal && ErrorReason[refusal.reason];
}

/** What a run waits for, in words, when nobody polls. */
export function explanationsOf(state: RunState): string[] {
  const view = { now: state.lastEventAt, isPolled: () => false };
  return readWaiting(state, view).map(({ explanation }) => explanation);
}

/** A run, moved on by calls. */
export interface Scenario {
  state: RunState;
  now: number;
  readonly history: HistoryEvent[];
  readonly handed: HandedTask[];
  readonly offers: TaskOffer[];
  /** Who waits for a task, asked by transitions. */
  waiting: (offer: TaskOffer) => Poller | undefined;
  limits: Limits;
  random: number;
  context(): Context;
  pass(ms: number): void;
  apply<T>(decide: (state: RunState, context: Context) => RunTransition<T>): T;
  /** Takes the workflow task; the fence of its lease. */
  takeTask(pollId?: string, rest?: Partial<Poller>): WorkflowTaskFence;
  /** The fence of the lease that is out. */
  taskFence(): WorkflowTaskFence;
  complete(commands: CommandInit[], rest?: CompleteOptions): CompleteTaskOutcome;
  /** Takes the workflow task and completes it. */
  runTask(...commands: CommandInit[]): CompleteTaskOutcome;
  takeActivity(seq: number, pollId?: string): ActivityFence;
  signal(name?: string, requestId?: string): void;
  /** The kinds of the events. */
  kinds(): string[];
  /** The last event of a kind. */
  last<K extends NonNullable<HistoryEvent["kind"]["case"]>>(
    kind: K,
  ): Extract<HistoryEvent["kind"], { case: K }>["value"] & { eventId: number };
}

export interface CompleteOptions {
  readonly fence?: WorkflowTaskFence;
  readonly requestNewTask?: boolean;
  readonly isCaching?: boolean;
  readonly workerId?: string;
  readonly taker?: Taker;
}

/** Commands that tests use often. */
export const commands = {
  activity: (seq: number, rest: object = {}): CommandInit => ({
    seq,
    kind: { case: "scheduleActivity", value: { activityType: "charge", ...rest } },
  }),
  cancelActivity: (activitySeq: number): CommandInit => ({
    kind: { case: "cancelActivity", value: { activitySeq } },
  }),
  timer: (seq: number, seconds: number): CommandInit => ({
    seq,
    kind: { case: "scheduleTimer", value: { duration: { seconds: BigInt(seconds), nanos: 0 } } },
  }),
  cancelTimer: (timerSeq: number): CommandInit => ({ kind: { case: "cancelTimer", value: { timerSeq } } }),
  sideEffect: (seq: number): CommandInit => ({
    seq,
    kind: {
      case: "recordSideEffect",
      value: { name: "random", value: { body: { case: "json", value: "null" } } },
    },
  }),
  done: (): CommandInit => ({
    kind: { case: "completeWorkflow", value: { result: { body: { case: "json", value: "1" } } } },
  }),
  fail: (message = "no"): CommandInit => ({
    kind: { case: "failWorkflow", value: { failure: { message } } },
  }),
  cancelled: (): CommandInit => ({ kind: { case: "cancelWorkflow", value: {} } }),
};

/** The commands as messages. */
export function commandsOf(inits: CommandInit[]): Command[] {
  return inits.map((init) => create(CommandSchema, init));
}

/** Starts a run. */
export function newScenario(
  spec: MessageInitShape<typeof WorkflowSpecSchema> = {},
  limits: Partial<Limits> = {},
  waiting: Scenario["waiting"] = () => undefined,
): Scenario {
  const world: Pick<Scenario, "now" | "random" | "limits" | "waiting" | "offers" | "context"> = {
    now: startTime,
    random: 0.5,
    limits: { ...defaultLimits, ...limits },
    waiting,
    offers: [],
    context: () => contextOf(world),
  };
  const { runs, handed } = startWorkflow(unknownWorkflow, startInput(spec), world.context());
  const [first] = runs;
  if (first === undefined) throw new Error("the run has not started");
  const history = first.events.map(({ event }) => event);
  const scenario: Scenario = Object.assign(
    world,
    { state: first.after, history, handed: [...handed] },
    moves,
  );
  return scenario;
}

function contextOf(world: Pick<Scenario, "now" | "random" | "limits" | "waiting" | "offers">): Context {
  return contextAt(world.now, {
    limits: world.limits,
    random: () => world.random,
    takePoller: (offer) => {
      world.offers.push(offer);
      return world.waiting(offer);
    },
  });
}

const moves: Omit<
  Scenario,
  "state" | "now" | "history" | "handed" | "offers" | "waiting" | "limits" | "random" | "context"
> &
  ThisType<Scenario> = {
  pass(ms) {
    this.now += ms * 1000;
  },
  apply(decide) {
    const { after, events, handed, outcome } = decide(this.state, this.context());
    if (after === this.state && events.length > 0) throw new Error("events without a change");
    this.state = after;
    this.history.push(...events.map(({ event }) => event));
    this.handed.push(...handed);
    return outcome;
  },
  takeTask(pollId, rest = {}) {
    const handed = this.apply((state, context) =>
      startWorkflowTask(state, { poller: poller(pollId ?? `poll-${state.taskEpoch}`, rest) }, context),
    );
    if (handed === undefined) throw new Error("no workflow task is ready");
    return this.taskFence();
  },
  taskFence() {
    const task = this.state.workflowTask;
    if (task?.lease === undefined) throw new Error("no workflow task is started");
    const { scheduledEventId, attempt, lease } = task;
    return {
      runId: this.state.runId,
      scheduledEventId,
      startedEventId: lease.startedEventId,
      attempt,
      epoch: lease.epoch,
    };
  },
  complete(inits, rest = {}) {
    const fence = rest.fence ?? this.taskFence();
    const { requestNewTask = false, isCaching = false, workerId = "worker", taker } = rest;
    const completion = create(WorkflowTaskCompletionSchema, { commands: commandsOf(inits), requestNewTask });
    return this.apply((state, context) =>
      completeWorkflowTask(
        state,
        { fence, completion, caller, workerId, isCaching, ...(taker && { taker }) },
        context,
      ),
    );
  },
  runTask(...inits) {
    this.takeTask();
    return this.complete(inits);
  },
  takeActivity(seq, pollId = `activity-${seq}`) {
    const handed = this.apply((state, context) =>
      startActivity(state, { seq, poller: poller(pollId) }, context),
    );
    if (handed === undefined) throw new Error("the activity is not ready");
    return { runId: this.state.runId, seq, epoch: handed.epoch };
  },
  signal(name = "shipped", requestId = "") {
    const rest = { payload: undefined, header: undefined, links: [], contentHash: "h", caller };
    this.apply((state, context) => signalWorkflow(state, { name, requestId, ...rest }, context));
  },
  kinds() {
    return this.history.map(({ kind }) => kind.case ?? "none");
  },
  last(kind) {
    const event = this.history.findLast((candidate) => candidate.kind.case === kind);
    if (event === undefined) throw new Error(`there is no ${kind}`);
    return { ...event.kind.value, eventId: event.eventId } as never;
  },
};
