/** All runs of an environment, kept in memory: core decides what happens to them, as on a server. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { closingOutcome } from "../../core/closing-outcome.js";
import { deliverMessages } from "../../core/deliver-messages.js";
import { RefusedError } from "../../core/errors.js";
import { defaultLimits } from "../../core/limits.js";
import type { Message, Micros, RunState, Workflow } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import type { Context, RunTransition, WorkflowTransition } from "../../core/transition.js";
import { wake } from "../../core/wake.js";
import { ofWorkflow } from "../../core/workflow-transition.js";
import { seededRandom } from "../replay/random.js";

/** The runs of an environment. */
export interface World {
  readonly namespace: string;
  /** The limits that runs keep: those of a server by default. */
  readonly limits: Context["limits"];
  /** The current run of a workflow id, or the run that is named. Throws WORKFLOW_NOT_FOUND. */
  find(workflowId: string, runId?: string): RunState;
  /** A run that is known to be there. */
  run(runId: string): RunState;
  /** All runs, in the order in which they began. */
  all(): Iterable<RunState>;
  /** The runs that are open, in the order in which they began. */
  open(): Iterable<RunState>;
  history(runId: string): readonly HistoryEvent[];
  /** Decides about a workflow id, and keeps what comes of it. Throws what core refuses. */
  decide<T>(workflowId: string, by: (workflow: Workflow, context: Context) => WorkflowTransition<T>): T;
  /** Decides about one run, and keeps what comes of it. Throws what core refuses. */
  decideRun<T>(runId: string, by: (run: RunState, context: Context) => RunTransition<T>): T;
  /** Notes something of a run that no transition decides. */
  note(run: RunState): void;
  /** Delivers what runs tell each other, and what follows from it. */
  deliver(): void;
  /** Lets all happen that is due by now; false if nothing was. */
  wakeDue(): boolean;
  /** When something of a run is due next. */
  nextDue(): Micros | undefined;
}

/** What a world needs. */
export interface WorldParts {
  readonly namespace: string;
  now(): Micros;
  /** Told of every run that changed, when it has. */
  changed(run: RunState): void;
}

/** Makes a world without runs. */
export function createWorld({ namespace, now, changed }: WorldParts): World {
  const namespaceId = namespace;
  const limits = defaultLimits;
  const workflows = new Map<string, Workflow>();
  const runs = new Map<string, RunState>();
  const open = new Map<string, RunState>();
  const histories = new Map<string, HistoryEvent[]>();
  const random = seededRandom("jitter");
  let mail: readonly Message[] = [];

  const context = (): Context => ({
    now: now(),
    limits,
    random,
    newRunId: () => `00000000-0000-7000-8000-${String(runs.size + 1).padStart(12, "0")}`,
    namespaceId: (name) => (name === namespace ? namespaceId : undefined),
    takePoller: () => undefined,
  });
  const workflowOf = (workflowId: string): Workflow =>
    workflows.get(workflowId) ?? { namespaceId, workflowId, pointer: undefined, run: undefined };

  function put(run: RunState): void {
    runs.set(run.runId, run);
    if (isClosedStatus(run.status)) open.delete(run.runId);
    else open.set(run.runId, run);
    const workflow = workflowOf(run.workflowId);
    if (workflow.pointer?.runId === run.runId) workflows.set(run.workflowId, { ...workflow, run });
  }

  function keep<T>(workflowId: string, transition: WorkflowTransition<T>): T {
    const { pointer, runs: steps, delivered = [], messages, outcome } = transition;
    const workflow = workflowOf(workflowId);
    if (pointer !== undefined) workflows.set(workflowId, { ...workflow, pointer });
    if (delivered.length > 0) mail = mail.filter((message) => !delivered.includes(message));
    if (messages.length > 0) mail = [...mail, ...messages];
    for (const { after, events } of steps) {
      const history = histories.get(after.runId) ?? [];
      histories.set(after.runId, history);
      for (const { event } of events) history.push(event);
      put(after);
    }
    for (const { after } of steps) changed(after);
    return outcome;
  }

  const world: World = {
    namespace,
    limits,
    find(workflowId, runId = "") {
      const run = runId === "" ? workflowOf(workflowId).run : runs.get(runId);
      if (run?.workflowId === workflowId) return run;
      const what = runId === "" ? `workflow "${workflowId}"` : `run ${runId} of workflow "${workflowId}"`;
      throw new RefusedError(ErrorReason.WORKFLOW_NOT_FOUND, `there is no ${what} in this environment`, {
        workflow_id: workflowId,
      });
    },
    run(runId) {
      const run = runs.get(runId);
      if (run === undefined) throw new Error(`there is no run ${runId}`);
      return run;
    },
    all: () => runs.values(),
    open: () => open.values(),
    history: (runId) => histories.get(runId) ?? [],
    decide: (workflowId, by) => keep(workflowId, by(workflowOf(workflowId), context())),
    decideRun(runId, by) {
      const run = world.run(runId);
      return keep(run.workflowId, ofWorkflow(workflowOf(run.workflowId), run, by(run, context())));
    },
    note: put,
    deliver() {
      for (let next = mail[0]; next !== undefined; next = mail[0]) {
        const { workflowId } = next.receiver;
        const inbox = mail.filter(({ receiver }) => receiver.workflowId === workflowId);
        world.decide(workflowId, (workflow, at) => deliverMessages(workflow, inbox, at));
      }
    },
    wakeDue() {
      const due = [...open.values()].filter(({ wakeupAt }) => wakeupAt !== undefined && wakeupAt <= now());
      due.sort((a, b) => (a.wakeupAt ?? 0) - (b.wakeupAt ?? 0));
      // What happens to one may end another.
      for (const { runId } of due) if (open.has(runId)) world.decideRun(runId, wake);
      return due.length > 0;
    },
    nextDue() {
      let next = Number.POSITIVE_INFINITY;
      for (const { wakeupAt } of open.values()) next = Math.min(next, wakeupAt ?? next);
      return next === Number.POSITIVE_INFINITY ? undefined : next;
    },
  };
  return world;
}

/** How a closed run ended, and the run that goes on for it. */
export function endOf(world: World, run: RunState) {
  const closing = world.history(run.runId).at(-1);
  if (closing === undefined) throw new Error(`run ${run.runId} has no history`);
  return closingOutcome(run, closing);
}
