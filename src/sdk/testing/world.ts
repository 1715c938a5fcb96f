/** All runs of an environment, kept in memory: core decides what happens to them, as on a server. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { closingOutcome } from "../../core/closing-outcome.js";
import { deliverMessages } from "../../core/deliver-messages.js";
import { RefusedError } from "../../core/errors.js";
import { defaultLimits } from "../../core/limits.js";
import type { Micros, RunState, Workflow } from "../../core/run-state.js";
import type { Context, RunTransition, WorkflowTransition } from "../../core/transition.js";
import { wake } from "../../core/wake.js";
import { ofWorkflow } from "../../core/workflow-transition.js";
import { seededRandom } from "../replay/random.js";
import { createMemory, type Memory } from "./memory.js";

/** The runs of an environment. */
export interface World {
  readonly namespace: string;
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
  // Its id is its name: there is one.
  const memory = createMemory(namespace);
  const { runs, open } = memory;
  const random = seededRandom("jitter");
  let runsMade = 0;
  const newRunId = () => `00000000-0000-7000-8000-${String(++runsMade).padStart(12, "0")}`;
  const context = (): Context => ({
    now: now(),
    limits: defaultLimits,
    random,
    newRunId,
    namespaceId: (name) => (name === namespace ? name : undefined),
    takePoller: () => undefined,
  });

  function decide<T>(
    workflowId: string,
    by: (workflow: Workflow, context: Context) => WorkflowTransition<T>,
  ): T {
    const transition = by(memory.workflow(workflowId), context());
    memory.keep(workflowId, transition);
    for (const { after } of transition.runs) changed(after);
    return transition.outcome;
  }

  function run(runId: string): RunState {
    const found = runs.get(runId);
    if (found === undefined) throw new Error(`there is no run ${runId}`);
    return found;
  }

  function decideRun<T>(runId: string, by: (run: RunState, context: Context) => RunTransition<T>): T {
    const before = run(runId);
    return decide(before.workflowId, (workflow, at) => ofWorkflow(workflow, before, by(before, at)));
  }

  return {
    namespace,
    find: (workflowId, runId = "") => find(memory, workflowId, runId),
    run,
    all: () => runs.values(),
    open: () => open.values(),
    history: memory.history,
    decide,
    decideRun,
    note: memory.put,
    deliver() {
      for (let next = memory.mail[0]; next !== undefined; next = memory.mail[0]) {
        const { workflowId } = next.receiver;
        const inbox = memory.mail.filter(({ receiver }) => receiver.workflowId === workflowId);
        decide(workflowId, (workflow, at) => deliverMessages(workflow, inbox, at));
      }
    },
    wakeDue() {
      const due = [...open.values()].filter(({ wakeupAt }) => wakeupAt !== undefined && wakeupAt <= now());
      due.sort((a, b) => (a.wakeupAt ?? 0) - (b.wakeupAt ?? 0));
      // What happens to one may end another.
      for (const { runId } of due) if (open.has(runId)) decideRun(runId, wake);
      return due.length > 0;
    },
    nextDue() {
      let next = Number.POSITIVE_INFINITY;
      for (const { wakeupAt } of open.values()) next = Math.min(next, wakeupAt ?? next);
      return next === Number.POSITIVE_INFINITY ? undefined : next;
    },
  };
}

function find(memory: Memory, workflowId: string, runId: string): RunState {
  const run = runId === "" ? memory.workflow(workflowId).run : memory.runs.get(runId);
  if (run?.workflowId === workflowId) return run;
  const what = runId === "" ? `workflow "${workflowId}"` : `run ${runId} of workflow "${workflowId}"`;
  const message = `there is no ${what} in this environment`;
  throw new RefusedError(ErrorReason.WORKFLOW_NOT_FOUND, message, { workflow_id: workflowId });
}

/** How a closed run ended, and the run that goes on for it. */
export function endOf(world: World, run: RunState) {
  const closing = world.history(run.runId).at(-1);
  if (closing === undefined) throw new Error(`run ${run.runId} has no history`);
  return closingOutcome(run, closing);
}
