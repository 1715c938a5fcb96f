/** Workflow ids over core alone, with all that was promised about them: every transition goes through here and is checked. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { ActivityFence } from "../../../src/core/activity-target.js";
import type { ChildEnding } from "../../../src/core/adopt-child.js";
import { type ChildEndings, deliverMessages } from "../../../src/core/deliver-messages.js";
import { RefusedError } from "../../../src/core/errors.js";
import { beginReplay, type Replay, type ReplayWorld } from "../../../src/core/replay/replay.js";
import { replayEvent } from "../../../src/core/replay/replay-event.js";
import type { Message, RunState, Workflow } from "../../../src/core/run-state.js";
import { isClosedStatus } from "../../../src/core/status.js";
import type {
  Context,
  HandedTask,
  Poller,
  RecordedEvent,
  RunStep,
  RunTransition,
  TaskOffer,
  WorkflowTransition,
} from "../../../src/core/transition.js";
import { updatesForTask } from "../../../src/core/update-end.js";
import { wake } from "../../../src/core/wake.js";
import type { WorkflowTaskFence } from "../../../src/core/workflow-task.js";
import { ofWorkflow } from "../../../src/core/workflow-transition.js";
import { contextAt, startTime } from "../../core/scenario.js";
import { type Folded, foldMore, newFold } from "../read-history.js";
import { checkBetweenRuns, type FoundRun, Reference } from "../reference.js";
import { rule } from "../rule.js";
import { checkReplay } from "./check-replay.js";
import { checkStep, digestOf, isSameList } from "./check-run.js";

/** A run with its history and what is read in it. */
export interface ModelRun {
  state: RunState;
  readonly history: HistoryEvent[];
  /** The same with their bytes. */
  readonly recorded: RecordedEvent[];
  readonly folded: Folded;
  /** What core itself reads in it. */
  readonly replay: Replay;
}

/** A call that was made, to be made again. */
export interface MadeCall {
  readonly workflowId: string;
  readonly decide: (workflow: Workflow, context: Context) => WorkflowTransition<unknown>;
  /** Whether it is still known by its request id. */
  readonly isKnown: () => boolean;
}

/** The world of one random test. */
export class CoreWorld {
  now = startTime;
  waiting: (offer: TaskOffer) => Poller | undefined = () => undefined;
  readonly reference = new Reference();
  readonly runs = new Map<string, ModelRun>();
  readonly mail: Message[] = [];
  readonly made: MadeCall[] = [];
  readonly taskFences: WorkflowTaskFence[] = [];
  readonly activityFences: ActivityFence[] = [];
  /** The start request by which the current run of an id is known. */
  readonly lastStarts = new Map<string, string>();
  private readonly workflows = new Map<string, Workflow>();
  private readonly delivered = new Set<string>();
  /** Updates that a worker was asked to answer. */
  private readonly asked = new Set<string>();
  private names = 0;

  /** A name that nothing else has. */
  newName(what: string): string {
    this.names += 1;
    return `${what}-${this.names}`;
  }

  workflow(workflowId: string): Workflow {
    const unknown = { namespaceId: "ns", workflowId, pointer: undefined, run: undefined };
    return this.workflows.get(workflowId) ?? unknown;
  }

  workflowIds(): string[] {
    return [...this.workflows.keys()];
  }

  /** The current run; undefined if there is none. */
  current(workflowId: string): RunState | undefined {
    return this.workflow(workflowId).run;
  }

  context(): Context {
    return contextAt(this.now, {
      newRunId: () => this.newName("run"),
      namespaceId: replayWorld.namespaceId,
      takePoller: (offer) => this.waiting(offer),
    });
  }

  /** Makes a call about a run; nothing happens if core refuses it. */
  call<T>(run: RunState, decide: (run: RunState, context: Context) => RunTransition<T>): T | undefined {
    return this.callAll(run.workflowId, (workflow, context) => {
      // The engine finds a closed run by its id, too; here the current one is meant.
      rule(workflow.run === run, "a test calls about another run");
      return ofWorkflow(workflow, run, decide(run, context));
    });
  }

  /** Makes a call about a workflow id; nothing happens if core refuses it. */
  callAll<T>(
    workflowId: string,
    decide: (workflow: Workflow, context: Context) => WorkflowTransition<T>,
  ): T | undefined {
    const workflow = this.workflow(workflowId);
    const digest = workflow.run && digestOf(workflow.run);
    const context = this.context();
    try {
      const transition = decide(workflow, context);
      this.fold(workflow, transition);
      return transition.outcome;
    } catch (error) {
      if (error instanceof RefusedError) return undefined;
      throw error;
    } finally {
      if (workflow.run !== undefined && digest !== undefined)
        rule(isSameList(digestOf(workflow.run), digest), "a state is never changed");
    }
  }

  /** Makes a call that must change nothing, whether it is refused or not. */
  callInVain(workflowId: string, decide: MadeCall["decide"], what: string): void {
    try {
      const { runs, pointer, messages, handed } = decide(this.workflow(workflowId), this.context());
      const isNothing = runs.length === 0 && pointer === undefined && messages.length === 0;
      rule(isNothing && handed.length === 0, `${what} changes nothing`);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
  }

  /** Delivers the first messages for a workflow id. */
  deliver(workflowId: string, most = Number.POSITIVE_INFINITY): void {
    const inbox = this.mail.filter(({ receiver }) => receiver.workflowId === workflowId).slice(0, most);
    if (inbox.length === 0) return;
    const deliver = (endings: ChildEndings) =>
      this.callAll(workflowId, (workflow, context) => deliverMessages(workflow, inbox, context, endings));
    const asked = deliver(new Map()) ?? [];
    const endings = asked.map((runId): [string, ChildEnding] => [runId, this.endingOf(runId)]);
    const left = inbox.filter((message) => this.mail.includes(message));
    rule(left.length === asked.length, "what is not delivered asks for an ending");
    inbox.splice(0, inbox.length, ...left);
    if (left.length > 0) rule(deliver(new Map(endings))?.length === 0, "an ending is enough");
  }

  /** How the chain of runs that begins with this one has ended. */
  private endingOf(runId: string): ChildEnding {
    const run = this.runs.get(runId);
    if (run === undefined) return "gone";
    const { workflowId, settings } = run.state;
    rule(isClosedStatus(run.state.status), `the child of ${runId} is open and was not found`);
    const kind = run.history.at(-1)?.kind ?? { case: undefined };
    const value: object = kind.value ?? {};
    const isReplaced = kind.case === "workflowTerminated" && !kind.value.isReset;
    const next = "newRunId" in value ? value.newRunId : "nextRunId" in value ? value.nextRunId : "";
    if (typeof next === "string" && next !== "" && !isReplaced) return this.endingOf(next);
    return { child: { namespace: settings.namespace, workflowId, runId }, closing: kind };
  }

  /** Lets time pass until nothing is due and no message is under way, and looks at all that must have come by then. */
  finish(): void {
    this.waiting = () => undefined;
    for (let round = 0; round < 10_000; round++) {
      const next = this.mail[0];
      const due = this.nextDue();
      if (next !== undefined) this.deliver(next.receiver.workflowId);
      else if (due !== undefined) this.wakeAt(due);
      else break;
    }
    rule(this.mail.length === 0 && this.nextDue() === undefined, "everything comes to rest");
    const found = this.found();
    for (const { isClosed, folded, runId } of found)
      rule(isClosed || folded.timers.size === 0, `all timers of ${runId} fire`);
    this.reference.checkSignals(found);
    checkBetweenRuns(found);
  }

  private nextDue(): RunState | undefined {
    let next: RunState | undefined;
    for (const { run } of this.workflows.values())
      if (run?.wakeupAt !== undefined && run.wakeupAt < (next?.wakeupAt ?? Number.POSITIVE_INFINITY))
        next = run;
    return next;
  }

  private wakeAt(run: RunState): void {
    this.now = Math.max(this.now, run.wakeupAt ?? 0);
    this.call(run, wake);
  }

  /** All runs, as the reference model compares them. */
  found(): (FoundRun & { readonly history: readonly HistoryEvent[] })[] {
    return [...this.runs.values()].map(({ state, folded, history }) => ({
      runId: state.runId,
      workflowId: state.workflowId,
      isClosed: isClosedStatus(state.status),
      folded,
      history,
      bufferedSignals: state.buffered.flatMap(({ event: { kind } }) =>
        kind.case === "signalReceived" ? [kind.value.name] : [],
      ),
    }));
  }

  private fold<T>(workflow: Workflow, transition: WorkflowTransition<T>): void {
    const { pointer = workflow.pointer, delivered = [], handed, messages } = transition;
    let { run } = workflow;
    for (const { before, after, events, copied } of transition.runs) {
      const known = this.runs.get(after.runId);
      rule(known?.state === before, `a step of ${after.runId} begins with another state`);
      rule(before === undefined || !isClosedStatus(before.status), `closed run ${after.runId} changes`);
      const model = known ?? newModel(after);
      const begun = copied === undefined ? [] : this.historyOf(copied);
      model.state = after;
      for (const recorded of [...begun, ...events]) {
        model.recorded.push(recorded);
        model.history.push(recorded.event);
        replayEvent(model.replay, recorded);
      }
      this.runs.set(after.runId, model);
      foldMore(model.folded, model.history);
      checkStep(model);
      checkReplay(after, model.replay);
      run = after;
    }
    for (const { before, after } of transition.runs)
      rule(before !== undefined || after === run || isClosedStatus(after.status), "two open runs");
    rule(pointer?.runId === run?.runId, "the pointer names the current run");
    if (pointer !== undefined && pointer.startRequestId !== this.lastStarts.get(workflow.workflowId))
      this.lastStarts.set(workflow.workflowId, pointer.startRequestId);
    this.workflows.set(workflow.workflowId, { ...workflow, pointer, run });
    this.post(delivered, messages);
    for (const task of handed) this.noteLease(task);
    if (run !== undefined) this.checkUpdates(run);
  }

  /** An update that no worker was asked to answer goes out with the workflow task that there is, or with the next. */
  private checkUpdates({ status, updates, workflowTask }: RunState): void {
    if (isClosedStatus(status) || workflowTask !== undefined) return;
    for (const { updateId, rejection } of updates.values())
      rule(rejection !== undefined || this.asked.has(updateId), `update ${updateId} waits for no task`);
  }

  /** The beginning of a history. */
  private historyOf({ runId, throughEventId }: NonNullable<RunStep["copied"]>): RecordedEvent[] {
    return this.runs.get(runId)?.recorded.slice(0, throughEventId) ?? [];
  }

  private post(delivered: readonly Message[], sent: readonly Message[]): void {
    for (const message of delivered) {
      const at = this.mail.indexOf(message);
      const name = nameOf(message);
      rule(at >= 0 && !this.delivered.has(name), `message ${name} is delivered twice`);
      this.mail.splice(at, 1);
      this.delivered.add(name);
    }
    for (const message of sent) {
      const isNew = !this.mail.some((other) => nameOf(other) === nameOf(message));
      rule(isNew && !this.delivered.has(nameOf(message)), `message ${nameOf(message)} is sent twice`);
      this.mail.push(message);
    }
  }

  /** A task was handed out, by a poll or otherwise. Its lease may be over again when the transition ends: by a later message of the same delivery. */
  noteLease({ kind, runId, seq, epoch }: HandedTask): void {
    this.reference.leased(`${kind} ${runId} ${seq}`, epoch);
    const state = this.runs.get(runId)?.state;
    if (state === undefined) throw new Error(`a task of ${runId} was handed out, which is unknown`);
    if (kind === "activity") {
      this.activityFences.push({ runId, seq, epoch });
      return;
    }
    const task = state.workflowTask;
    if (task?.lease?.epoch !== epoch) return;
    for (const { updateId } of updatesForTask(state)) this.asked.add(updateId);
    const { scheduledEventId, attempt, lease } = task;
    this.taskFences.push({ runId, scheduledEventId, startedEventId: lease.startedEventId, attempt, epoch });
  }
}

/** The answer to message n is named -n of the sender of the message. */
function nameOf({ sender, number }: Message): string {
  return `${sender.runId} ${number}`;
}

function newModel(state: RunState): ModelRun {
  const replay = beginReplay(state, replayWorld);
  return { state, history: [], recorded: [], folded: newFold(), replay };
}

/** What history does not tell, as it is in the world. */
export const replayWorld: ReplayWorld = {
  namespaceId: (name) => (name === "main" ? "ns" : undefined),
  updateHash: () => "h",
};
