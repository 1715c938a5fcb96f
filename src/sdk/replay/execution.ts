/** One run of workflow code in memory, moved on turn by turn. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "../../../gen/pawl/v1/command_pb.js";
import type { Failure } from "../../../gen/pawl/v1/failure_pb.js";
import type { Query } from "../../../gen/pawl/v1/task_pb.js";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { encodeFailure } from "../failure-codec.js";
import type { WorkflowLogger } from "../workflow/logger.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { applyEvent } from "./apply-event.js";
import { keptChildren } from "./children.js";
import { patchGlobals } from "./code-globals.js";
import { type CommandLog, createCommandLog, timeOf } from "./command-log.js";
import { createConditions } from "./conditions.js";
import { findAwaits, isStuck, stuckError } from "./foreign-promise.js";
import { createHandlerRuns } from "./handler-runs.js";
import { endLocal, firstEnded } from "./local-steps.js";
import { createLog, silentLog } from "./log.js";
import { NonDeterminismError } from "./non-determinism-error.js";
import { answerQuery, type QueryAnswerInit, refusedQuery } from "./queries.js";
import { seededRandom } from "./random.js";
import type { CodeGlobals } from "./regions.js";
import { refuseRestricted } from "./restrictions.js";
import type { RunParts } from "./run-parts.js";
import { createSignals } from "./signals.js";
import { enterWatched, noWatch, type TurnWatch } from "./turn-watch.js";
import { MalformedHistoryError, type Turn } from "./turns.js";
import { offerUpdate } from "./updates.js";
import { createWaits } from "./waits.js";

/** What a workflow task came to. */
export type TurnResult =
  | { readonly kind: "completed"; readonly commands: Command[]; readonly isClosed: boolean }
  | { readonly kind: "failed"; readonly cause: WorkflowTaskFailureCause; readonly failure: Failure };

/** A run in memory. */
export interface Execution {
  /** The WorkflowTaskStarted of the newest turn that it went through; 0 before the first. */
  readonly position: number;
  /** What its code waits for, in words. */
  readonly waitingFor: readonly string[];
  /**
   * Goes through further turns. After a failure the execution is of no more use: the run must be replayed from its beginning. The watch is told whenever
   * code holds the thread; several executions may advance at a time, but only one holds it.
   */
  advance(turns: readonly Turn[], watch?: TurnWatch): Promise<TurnResult>;
  /** Asks the code as it stands. Whatever goes wrong is the answer. */
  query(query: Query): QueryAnswerInit;
}

/** How an execution is made. */
export interface ExecutionOptions {
  /** What the code says for the first time goes here. Default: nowhere. */
  readonly logger?: WorkflowLogger;
  /** Whether it is gone through only to find where its code waits. Default false. */
  readonly isWatched?: boolean;
}

/** Makes an execution that has gone through nothing yet. */
export function createExecution(
  definition: WorkflowDefinition,
  { logger = silentLog, isWatched = false }: ExecutionOptions = {},
): Execution {
  patchGlobals();
  let position = 0;
  let parts: RunParts | undefined;
  /** Where the code waits when it has gone through the turns: gone through once more, and watched. */
  const places = async (turns: readonly Turn[]) => {
    const again = createExecution(definition, { isWatched: true });
    return isWatched ? [] : findAwaits(() => again.advance(turns));
  };
  return {
    get position() {
      return position;
    },
    get waitingFor() {
      return parts?.waits.openOnes ?? [];
    },
    async advance(turns, watch = noWatch) {
      const isFromStart = parts === undefined;
      let commands: Command[] = [];
      try {
        await ownTurnOfLoop();
        for (const turn of turns) {
          parts ??= begin(turn, logger);
          parts.log.beginTurn(turn);
          await runTurn({ definition, parts, watch }, turn);
          commands = parts.log.finishTurn(parts.waits.openOnes);
          if (parts.log.fault !== undefined) return failed(parts.log.fault);
          if (isStuck(parts)) return failed(stuckError(parts, isFromStart ? await places(turns) : []));
          position = turn.startedEventId;
        }
      } catch (error) {
        return failed(error);
      }
      return { kind: "completed", commands, isClosed: parts?.log.isClosed ?? false };
    },
    query(query) {
      if (parts !== undefined) return answerQuery(parts, query);
      return refusedQuery(
        query.queryId,
        new Error("the run has not begun, so nothing can be asked of it yet"),
      );
    },
  };
}

function begin(turn: Turn, logger: WorkflowLogger): RunParts {
  const [first] = turn.arrived;
  if (first?.kind.case !== "workflowStarted") {
    throw new MalformedHistoryError("the history does not begin with the start of the run");
  }
  const started = first.kind.value;
  const children = keptChildren(turn.arrived);
  const log = createCommandLog(turn, Math.max(0, ...children.keys()));
  const waits = createWaits();
  // A reset keeps the original run id, so that what is replayed comes out the same in the new run.
  const seed = started.originalRunId || started.runId;
  const next = seededRandom(seed);
  const startTime = first.eventTime ? timestampDate(first.eventTime) : new Date(0);
  const globals = globalsOf(log, seed, startTime);
  return {
    log,
    waits,
    logger: createLog(logger, log, started),
    conditions: createConditions(),
    signals: createSignals(),
    handlerRuns: createHandlerRuns(log, waits, globals),
    queries: new Map(),
    updates: new Map(),
    activities: new Map(),
    timers: new Map(),
    children,
    requests: new Map(),
    locals: [],
    patches: new Map(),
    attributes: { searchAttributes: started.searchAttributes, memo: started.memo },
    started,
    startTime,
    globals,
    random() {
      refuseRestricted("a random number");
      return next();
    },
  };
}

/** Math.random has numbers of its own, so that what a library draws does not shift those of ctx. */
function globalsOf(log: CommandLog, seed: string, startTime: Date): CodeGlobals {
  let next: (() => number) | undefined;
  return {
    now: () => timeOf(log).getTime(),
    startedAt: startTime.getTime(),
    random() {
      refuseRestricted("a random number");
      next ??= seededRandom(`${seed}/Math.random`);
      return next();
    },
  };
}

interface Running {
  readonly definition: WorkflowDefinition;
  readonly parts: RunParts;
  readonly watch: TurnWatch;
}

async function runTurn(running: Running, turn: Turn): Promise<void> {
  const { definition, parts, watch } = running;
  const steps = [
    ...turn.arrived.map((event) => () => applyEvent(definition, parts, event)),
    ...turn.updates.map((update) => () => offerUpdate(parts, update)),
  ];
  for (const step of steps) {
    if (parts.log.isClosed || parts.log.fault !== undefined) return;
    enterWatched(watch, step);
    await settle(running);
  }
}

/** Lets code run until all of it waits for something that has yet to happen. */
async function settle({ parts, watch }: Running): Promise<void> {
  const { log, conditions } = parts;
  for (;;) {
    await ownTurnOfLoop();
    if (log.isClosed || log.fault !== undefined) return;
    if (enterWatched(watch, conditions.endOne)) continue;
    const local = await firstEnded(parts);
    if (local === undefined) return;
    await ownTurnOfLoop();
    enterWatched(watch, () => endLocal(parts, local));
  }
}

/**
 * What has run before is over with all its microtasks, and what follows is so, with all of its own, before that of any other run: Node empties the queue
 * of microtasks between two callbacks of setImmediate.
 */
function ownTurnOfLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function failed(fault: unknown): TurnResult {
  const cause =
    fault instanceof NonDeterminismError
      ? WorkflowTaskFailureCause.NON_DETERMINISM
      : WorkflowTaskFailureCause.WORKFLOW_ERROR;
  return { kind: "failed", cause, failure: encodeFailure(fault) };
}
