/** Several workflow ids in a test, with the messages that their runs send to each other. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { WorkflowTaskCompletionSchema } from "../../gen/pawl/v1/task_pb.js";
import type { WorkflowSpecSchema } from "../../gen/pawl/v1/workflow_pb.js";
import type { ChildEnding } from "../../src/core/adopt-child.js";
import { completeWorkflowTask } from "../../src/core/complete-workflow-task.js";
import { deliverMessages } from "../../src/core/deliver-messages.js";
import type { Message, RunState, Workflow } from "../../src/core/run-state.js";
import { startWorkflow } from "../../src/core/start.js";
import type { Context, RunTransition, WorkflowTransition } from "../../src/core/transition.js";
import { startWorkflowTask } from "../../src/core/workflow-task.js";
import { ofWorkflow } from "../../src/core/workflow-transition.js";
import {
  type CommandInit,
  caller,
  commandsOf,
  contextAt,
  poller,
  startInput,
  startTime,
} from "./scenario.js";

/** The workflows, moved on by calls. */
export interface World {
  now: number;
  /** Messages that are not delivered yet. */
  readonly mail: Message[];
  /** How children have ended, by their first runs. */
  readonly endings: Map<string, ChildEnding>;
  start(workflowId: string, spec?: MessageInitShape<typeof WorkflowSpecSchema>): void;
  run(workflowId: string): RunState;
  apply<T>(workflowId: string, decide: (run: RunState, context: Context) => RunTransition<T>): T;
  applyAll<T>(workflowId: string, decide: (workflow: Workflow, context: Context) => WorkflowTransition<T>): T;
  takeTask(workflowId: string): void;
  complete(workflowId: string, commands: CommandInit[], events?: HistoryEvent[]): void;
  /** Takes the workflow task and completes it. */
  runTask(workflowId: string, ...commands: CommandInit[]): void;
  /** Delivers all messages, and those that follow from them; or only so many rounds. */
  deliver(rounds?: number): void;
  /** The kinds of a run's events that are not about its workflow tasks. */
  kinds(workflowId: string, runId?: string): string[];
  /** The last event of a kind. */
  last<K extends NonNullable<HistoryEvent["kind"]["case"]>>(
    workflowId: string,
    kind: K,
  ): Extract<HistoryEvent["kind"], { case: K }>["value"] & { eventId: number };
  history(runId: string): readonly HistoryEvent[];
}

/** An empty world. Namespace "main" has the id "ns", "other" the id "other-ns". */
export function newWorld(): World {
  const workflows = new Map<string, Workflow>();
  const histories = new Map<string, HistoryEvent[]>();
  let runs = 0;
  const of = (workflowId: string, namespaceId = "ns"): Workflow =>
    workflows.get(`${namespaceId}/${workflowId}`) ?? {
      namespaceId,
      workflowId,
      pointer: undefined,
      run: undefined,
    };

  function fold<T>(workflow: Workflow, transition: WorkflowTransition<T>): T {
    let { run } = workflow;
    for (const step of transition.runs) {
      const { runId = "", throughEventId } = step.copied ?? {};
      const copied = [...(histories.get(runId) ?? [])].slice(0, throughEventId);
      const history = histories.get(step.after.runId) ?? copied;
      histories.set(step.after.runId, history);
      for (const { event } of step.events) {
        if (event.eventId !== history.length + 1) throw new Error(`event ${event.eventId} is out of order`);
        history.push(event);
      }
      run = step.after;
    }
    const pointer = transition.pointer ?? workflow.pointer;
    workflows.set(`${workflow.namespaceId}/${workflow.workflowId}`, { ...workflow, pointer, run });
    const taken = transition.delivered ?? [];
    world.mail.splice(0, world.mail.length, ...world.mail.filter((message) => !taken.includes(message)));
    world.mail.push(...transition.messages);
    return transition.outcome;
  }

  const world: World = {
    now: startTime,
    mail: [],
    endings: new Map(),
    start: (workflowId, spec = {}) =>
      void world.applyAll(workflowId, (workflow, context) =>
        startWorkflow(workflow, startInput(spec, { workflowId }), context),
      ),
    run(workflowId) {
      const { run } = of(workflowId);
      if (run === undefined) throw new Error(`there is no ${workflowId}`);
      return run;
    },
    apply: (workflowId, decide) =>
      world.applyAll(workflowId, (workflow, context) => {
        const run = world.run(workflowId);
        return ofWorkflow(workflow, run, decide(run, context));
      }),
    applyAll: (workflowId, decide) => fold(of(workflowId), decide(of(workflowId), context())),
    takeTask: (workflowId) =>
      void world.apply(workflowId, (run, context) =>
        startWorkflowTask(run, { poller: poller(`${workflowId}-${run.taskEpoch}`) }, context),
      ),
    complete(workflowId, commands, events = []) {
      const completion = create(WorkflowTaskCompletionSchema, { commands: commandsOf(commands) });
      world.apply(workflowId, (run, context) => {
        const task = run.workflowTask;
        if (task?.lease === undefined) throw new Error(`no task of ${workflowId} is started`);
        const { startedEventId, epoch } = task.lease;
        const fence = { runId: run.runId, ...task, startedEventId, epoch };
        const input = { fence, completion, caller, workerId: "worker", isCaching: false };
        const known = new Map(events.map((event) => [event.eventId, event]));
        return completeWorkflowTask(run, { ...input, events: known }, context);
      });
    },
    runTask(workflowId, ...commands) {
      world.takeTask(workflowId);
      world.complete(workflowId, commands);
    },
    deliver(rounds = 100) {
      for (let round = 0; round < rounds && world.mail.length > 0; round++) {
        const receiver = world.mail[0]?.receiver;
        if (receiver === undefined) return;
        const isFor = ({ receiver: other }: Message) =>
          other.namespaceId === receiver.namespaceId && other.workflowId === receiver.workflowId;
        const workflow = of(receiver.workflowId, receiver.namespaceId);
        fold(workflow, deliverMessages(workflow, world.mail.filter(isFor), context(), world.endings));
      }
    },
    kinds: (workflowId, runId = world.run(workflowId).runId) =>
      world
        .history(runId)
        .map(({ kind }) => kind.case ?? "none")
        .filter((kind) => !kind.startsWith("workflowTask")),
    last(workflowId, kind) {
      const history = world.history(world.run(workflowId).runId);
      const event = history.findLast((candidate) => candidate.kind.case === kind);
      if (event === undefined) throw new Error(`${workflowId} has no ${kind}`);
      return { ...event.kind.value, eventId: event.eventId } as never;
    },
    history: (runId) => histories.get(runId) ?? [],
  };

  function context(): Context {
    return contextAt(world.now, { newRunId: () => `run-${++runs}` });
  }

  return world;
}
