/** A run whose history is written by hand, by the rules of a server, so that replay can be tested without one. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import { type HistoryEvent, HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import { encodeFailure } from "../../src/sdk/failure-codec.js";
import { encodePayload } from "../../src/sdk/payload.js";
import { createExecution, type Execution, type TurnResult } from "../../src/sdk/replay/execution.js";
import { splitTurns } from "../../src/sdk/replay/turns.js";
import type { WorkflowDefinition } from "../../src/sdk/workflow/workflow.js";

type EventKind = NonNullable<Parameters<typeof create<typeof HistoryEventSchema>>[1]>["kind"];

/** A run of a workflow, cached between its tasks as a worker would. */
export interface FakeRun {
  readonly events: HistoryEvent[];
  /** Writes an event from outside. */
  arrive(kind: NonNullable<EventKind>): void;
  signal(name: string, payload?: unknown): void;
  /** Begins a task: Scheduled and Started. */
  startTask(): void;
  /** Runs the code through the task in hand and writes what it did. */
  completeTask(): Promise<TurnResult>;
  /** Starts and completes a task. Throws if it failed. */
  task(): Promise<Command[]>;
  complete(seq: number, result?: unknown): void;
  fail(seq: number, message: string): void;
  fire(seq: number): void;
}

/** Starts a run. `runId` seeds its random numbers. */
export function startFakeRun(
  definition: WorkflowDefinition<never, unknown>,
  input?: unknown,
  runId = "run-1",
): FakeRun {
  const events: HistoryEvent[] = [];
  const buffered: NonNullable<EventKind>[] = [];
  let execution: Execution = createExecution(definition);
  let delivered = 0;
  let isStarted = false;

  const write = (kind: NonNullable<EventKind>) => {
    const eventId = events.length + 1;
    const eventTime = timestampFromMs(1_000_000 + eventId * 1_000);
    events.push(create(HistoryEventSchema, { eventId, eventTime, kind }));
    return eventId;
  };
  const arrive = (kind: NonNullable<EventKind>) => {
    if (isStarted) buffered.push(kind);
    else write(kind);
  };
  const startTask = () => {
    const scheduledEventId = write({ case: "workflowTaskScheduled", value: { attempt: 1 } });
    write({ case: "workflowTaskStarted", value: { scheduledEventId, historyLength: events.length + 1 } });
    isStarted = true;
  };
  const flush = () => {
    isStarted = false;
    for (const kind of buffered.splice(0)) write(kind);
  };
  const completeTask = async () => {
    const startedEventId = events.length;
    const result = await execution.advance(splitTurns(events.slice(delivered), execution.position));
    if (result.kind === "failed") {
      write({
        case: "workflowTaskFailed",
        value: { startedEventId, cause: result.cause, failure: result.failure },
      });
      execution = createExecution(definition);
      delivered = 0;
    } else {
      delivered = startedEventId;
      const taskCompletedEventId = write({ case: "workflowTaskCompleted", value: { startedEventId } });
      const isEnded = (seq: number) =>
        [...events.map((event) => event.kind), ...buffered].some((kind) => ends(kind, seq));
      for (const command of result.commands) {
        const kind = eventOf(command, taskCompletedEventId, isEnded);
        if (kind !== undefined) write(kind);
      }
    }
    flush();
    return result;
  };

  const payload = encodePayload(input);
  const ids = { namespace: "main", workflowId: "fake", runId, originalRunId: runId, attempt: 1 };
  const started = {
    ...ids,
    workflowType: definition.type,
    taskQueue: "default",
    ...(payload && { input: payload }),
  };
  write({ case: "workflowStarted", value: started });
  return {
    events,
    arrive,
    startTask,
    completeTask,
    async task() {
      startTask();
      const result = await completeTask();
      if (result.kind === "failed") throw new Error(`the task failed: ${result.failure.message}`);
      return result.commands;
    },
    signal(name, value) {
      const carried = encodePayload(value);
      arrive({ case: "signalReceived", value: { name, ...(carried && { payload: carried }) } });
    },
    complete(seq, value) {
      const result = encodePayload(value);
      arrive({ case: "activityCompleted", value: { seq, ...(result && { result }) } });
    },
    fail: (seq, message) =>
      arrive({ case: "activityFailed", value: { seq, failure: encodeFailure(new Error(message)) } }),
    fire: (seq) => arrive({ case: "timerFired", value: { seq } }),
  };
}

function ends(kind: NonNullable<EventKind>, seq: number): boolean {
  const final = ["timerFired", "timerCancelled", "activityCompleted", "activityFailed", "activityCancelled"];
  return final.includes(kind.case ?? "") && (kind.value as { seq?: number }).seq === seq;
}

function eventOf(
  { seq, kind }: Command,
  taskCompletedEventId: number,
  isEnded: (seq: number) => boolean,
): EventKind | undefined {
  switch (kind.case) {
    case "scheduleActivity": {
      const { activityType, input } = kind.value;
      const activityId = kind.value.activityId || String(seq);
      const value = { seq, activityType, activityId, taskCompletedEventId, ...(input && { input }) };
      return { case: "activityScheduled", value };
    }
    case "cancelActivity":
      if (isEnded(kind.value.activitySeq)) return undefined;
      return {
        case: "activityCancelRequested",
        value: { seq: kind.value.activitySeq, taskCompletedEventId },
      };
    case "scheduleTimer": {
      const { duration } = kind.value;
      return { case: "timerScheduled", value: { seq, taskCompletedEventId, ...(duration && { duration }) } };
    }
    case "cancelTimer":
      if (isEnded(kind.value.timerSeq)) return undefined;
      return { case: "timerCancelled", value: { seq: kind.value.timerSeq, taskCompletedEventId } };
    case "recordSideEffect": {
      const { name, value } = kind.value;
      return {
        case: "sideEffectRecorded",
        value: { seq, name, taskCompletedEventId, ...(value && { value }) },
      };
    }
    case "completeWorkflow": {
      const { result } = kind.value;
      return { case: "workflowCompleted", value: { taskCompletedEventId, ...(result && { result }) } };
    }
    case "failWorkflow": {
      const { failure } = kind.value;
      return { case: "workflowFailed", value: { taskCompletedEventId, ...(failure && { failure }) } };
    }
    case "cancelWorkflow":
      return { case: "workflowCancelled", value: { taskCompletedEventId } };
    default:
      throw new Error(`no event for the command ${kind.case}`);
  }
}
