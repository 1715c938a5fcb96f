/** What is kept of workflows and their runs. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { Message, RunState, Workflow } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import type { WorkflowTransition } from "../../core/transition.js";

/** Workflows, runs, histories, and messages under way. */
export interface Memory {
  /** All runs, in the order in which they began. */
  readonly runs: ReadonlyMap<string, RunState>;
  /** Those that are open. */
  readonly open: ReadonlyMap<string, RunState>;
  /** What runs have told each other and was not delivered. */
  readonly mail: readonly Message[];
  workflow(workflowId: string): Workflow;
  history(runId: string): readonly HistoryEvent[];
  /** Keeps what came of a decision about a workflow id. */
  keep(workflowId: string, transition: WorkflowTransition<unknown>): void;
  /** Keeps the state of a run. */
  put(run: RunState): void;
}

/** Makes an empty memory. */
export function createMemory(namespaceId: string): Memory {
  const workflows = new Map<string, Workflow>();
  const runs = new Map<string, RunState>();
  const open = new Map<string, RunState>();
  const histories = new Map<string, HistoryEvent[]>();
  let mail: readonly Message[] = [];

  const workflowOf = (workflowId: string): Workflow =>
    workflows.get(workflowId) ?? { namespaceId, workflowId, pointer: undefined, run: undefined };

  function put(run: RunState): void {
    const { runId, workflowId } = run;
    runs.set(runId, run);
    if (isClosedStatus(run.status)) open.delete(runId);
    else open.set(runId, run);
    const workflow = workflowOf(workflowId);
    if (workflow.pointer?.runId === runId) workflows.set(workflowId, { ...workflow, run });
  }

  return {
    runs,
    open,
    get mail() {
      return mail;
    },
    workflow: workflowOf,
    history: (runId) => histories.get(runId) ?? [],
    keep(workflowId, { pointer, runs: steps, delivered = [], messages }) {
      if (pointer !== undefined) workflows.set(workflowId, { ...workflowOf(workflowId), pointer });
      if (delivered.length > 0) mail = mail.filter((message) => !delivered.includes(message));
      if (messages.length > 0) mail = [...mail, ...messages];
      for (const { after, events } of steps) {
        const history = histories.get(after.runId) ?? [];
        histories.set(after.runId, history);
        for (const { event } of events) history.push(event);
        put(after);
      }
    },
    put,
  };
}
