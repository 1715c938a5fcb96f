/** Workflow tasks of an environment: the code of its workflows goes through them as in a worker, and is checked for replay. */
import { create } from "@bufbuild/protobuf";
import type { Command } from "../../../gen/pawl/v1/command_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { Failure } from "../../../gen/pawl/v1/failure_pb.js";
import {
  type Query,
  type QueryAnswer,
  QueryAnswerSchema,
  WorkflowTaskCompletionSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { completeWorkflowTask } from "../../core/complete-workflow-task.js";
import { RefusedError } from "../../core/errors.js";
import type { RunState, WorkflowTaskLease } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import { isTransient, provisionalEvents } from "../../core/task-attempt.js";
import { updatesForTask } from "../../core/update-end.js";
import { failWorkflowTask, startWorkflowTask } from "../../core/workflow-task.js";
import { decodeFailure, encodeFailure } from "../failure-codec.js";
import { createExecution, type Execution } from "../replay/execution.js";
import { splitTurns } from "../replay/turns.js";
import type { WorkflowLogger } from "../workflow/logger.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { TestSetupError, WorkflowTaskFailedError } from "./errors.js";
import type { World } from "./world.js";

/** When the code of runs is gone through again from its beginning, to see that it does the same. */
export type ReplayCheck = "always" | "at-end" | "never";

/** Runs workflow code. */
export interface WorkflowCode {
  /** Takes the workflow task of a run through its code. Throws a WorkflowTaskFailedError if the code can't go on. */
  runTask(runId: string): Promise<void>;
  /** Asks the code of a run as it is recorded. Whatever goes wrong is the answer. */
  query(run: RunState, query: Query): Promise<QueryAnswer>;
  /** What the code of an open run waits for, in words. */
  waitingFor(runId: string): readonly string[];
  /** Goes through the code of a run from its beginning. Throws a WorkflowTaskFailedError if it does not do the same again. */
  check(run: RunState): Promise<void>;
}

/** What running workflow code needs. */
export interface WorkflowCodeParts {
  readonly world: World;
  readonly workflows: ReadonlyMap<string, WorkflowDefinition>;
  readonly replay: ReplayCheck;
  readonly logger: WorkflowLogger;
}

interface CachedRun {
  readonly execution: Execution;
  /** How many workflow tasks it went through. */
  readonly tasks: number;
  /** The task at which it is gone through again. */
  readonly checkAt: number;
}

/** The worker of the environment, as histories name it. */
export const worker = { workerId: "", identity: "test environment", principal: "", isCaching: false };
const { identity, principal } = worker;
/** Who acts, as histories name it. */
export const caller = { identity, principal };

/** Makes what runs workflow code. */
export function createWorkflowCode(parts: WorkflowCodeParts): WorkflowCode {
  const { world, workflows, replay, logger } = parts;
  const cache = new Map<string, CachedRun>();

  function definitionOf(workflowType: string): WorkflowDefinition {
    const definition = workflows.get(workflowType);
    if (definition === undefined) throw missingWorkflow(workflowType);
    return definition;
  }

  function begin(run: RunState): CachedRun {
    return { execution: createExecution(definitionOf(run.workflowType), { logger }), tasks: 0, checkAt: 1 };
  }

  /** From the top if its time has come: at each of the first tasks, and the more seldom the longer the run is, so that checks never cost more than a few times the run. */
  function resume(run: RunState): CachedRun {
    const cached = cache.get(run.runId);
    cache.delete(run.runId);
    if (cached === undefined) return begin(run);
    const tasks = cached.tasks + 1;
    if (replay !== "always" || tasks < cached.checkAt) return { ...cached, tasks };
    return { ...begin(run), tasks, checkAt: Math.max(tasks + 1, Math.ceil(tasks * 1.5)) };
  }

  async function recorded(run: RunState): Promise<Execution> {
    const execution = cache.get(run.runId)?.execution ?? begin(run).execution;
    const turns = splitTurns(eventsAfter(world, run, execution.position), execution.position);
    const result = await execution.advance(turns.filter((turn) => turn.recorded !== undefined));
    if (result.kind === "failed") throw taskFailed(run, result);
    return execution;
  }

  async function check(run: RunState): Promise<void> {
    if (replay === "never") return;
    const turns = splitTurns(world.history(run.runId), 0).filter((turn) => turn.recorded !== undefined);
    const result = await begin(run).execution.advance(turns);
    if (result.kind === "failed") throw taskFailed(run, result);
  }

  return {
    async runTask(runId) {
      const poller = { ...worker, pollId: `${runId} ${world.run(runId).taskEpoch + 1}` };
      world.decideRun(runId, (state, context) => startWorkflowTask(state, { poller }, context));
      const run = world.run(runId);
      const resumed = resume(run);
      const { execution } = resumed;
      const events = taskEvents(world, run, execution.position);
      const result = await execution.advance(splitTurns(events, execution.position, updatesForTask(run)));
      if (result.kind === "failed") {
        giveUp(world, run, result);
        throw taskFailed(run, result);
      }
      if (!complete(world, run, result.commands)) return;
      const after = world.run(runId);
      if (isClosedStatus(after.status)) await check(after);
      else cache.set(runId, resumed);
    },
    async query(run, query) {
      return create(QueryAnswerSchema, (await recorded(run)).query(query));
    },
    waitingFor: (runId) => cache.get(runId)?.execution.waitingFor ?? [],
    check,
  };
}

/** The environment has no code for a workflow. */
export function missingWorkflow(type: string): TestSetupError {
  return new TestSetupError(
    `the environment has no workflow of type ${type}: give it in workflows or mockedWorkflows`,
  );
}

/** The events that a workflow task has for an execution that went through some of them. */
function taskEvents(world: World, run: RunState, position: number): HistoryEvent[] {
  const { workflowTask: task } = run;
  const seen = eventsAfter(world, run, position);
  return task !== undefined && isTransient(task) ? [...seen, ...provisionalEvents(run)] : seen;
}

function eventsAfter(world: World, { runId }: RunState, position: number): HistoryEvent[] {
  return world.history(runId).slice(position);
}

/** Hands the commands in. False if the task has to be done again, since something has come in that it must see. */
function complete(world: World, run: RunState, commands: readonly Command[]): boolean {
  const completion = create(WorkflowTaskCompletionSchema, { commands: [...commands] });
  const goesOn = commands.at(-1)?.kind.case === "continueAsNew";
  // Signals that go on to the next run are told of by their events.
  const events = new Map(goesOn ? world.history(run.runId).map((event) => [event.eventId, event]) : []);
  const input = { fence: fenceOf(run), completion, caller, workerId: "", isCaching: false, events };
  // Somebody may have ended the run meanwhile.
  if (isClosedStatus(world.run(run.runId).status)) return false;
  try {
    const { refusal } = world.decideRun(run.runId, (state, context) =>
      completeWorkflowTask(state, input, context),
    );
    return refusal === undefined;
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const failed = { cause: WorkflowTaskFailureCause.WORKFLOW_ERROR, failure: encodeFailure(error) };
    giveUp(world, run, failed);
    throw taskFailed(run, failed);
  }
}

interface Failed {
  readonly cause: WorkflowTaskFailureCause;
  readonly failure: Failure;
}

function giveUp(world: World, run: RunState, { cause, failure }: Failed): void {
  if (isClosedStatus(world.run(run.runId).status)) return;
  const input = { fence: fenceOf(run), cause, failure, caller, workerId: "", buildId: "" };
  world.decideRun(run.runId, (state, context) => failWorkflowTask(state, input, context));
}

function taskFailed(run: RunState, { cause, failure }: Failed): WorkflowTaskFailedError {
  const isNonDeterminism = cause === WorkflowTaskFailureCause.NON_DETERMINISM;
  return new WorkflowTaskFailedError(run, isNonDeterminism, decodeFailure(failure));
}

function fenceOf(run: RunState) {
  const { workflowTask: task, runId } = run;
  const { lease, scheduledEventId, attempt } = task as NonNullable<typeof task> & {
    readonly lease: WorkflowTaskLease;
  };
  return { runId, scheduledEventId, attempt, startedEventId: lease.startedEventId, epoch: lease.epoch };
}
