/** A run whose history is written by hand, by the rules of a server, so that replay can be tested without one. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import { type HistoryEvent, HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import { QueryAnswerSchema, QuerySchema } from "../../gen/pawl/v1/task_pb.js";
import { decodeFailure, encodeFailure } from "../../src/sdk/failure-codec.js";
import { decodePayload, encodePayload } from "../../src/sdk/payload.js";
import { createExecution, type Execution, type TurnResult } from "../../src/sdk/replay/execution.js";
import { splitTurns, type UpdateInput } from "../../src/sdk/replay/turns.js";
import type { WorkflowDefinition } from "../../src/sdk/workflow/workflow.js";
import { type EventInit, ends, eventOf } from "./command-events.js";

/** A run of a workflow, cached between its tasks as a worker would. */
export interface FakeRun {
  readonly events: HistoryEvent[];
  /** Writes an event from outside. */
  arrive(kind: EventInit): void;
  signal(name: string, payload?: unknown): void;
  /** Sends an update: the next task that starts has it. */
  update(updateId: string, name: string, input?: unknown): void;
  /** Asks the run as it stands. */
  query(name: string, input?: unknown): unknown;
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
  const buffered: EventInit[] = [];
  let execution: Execution = createExecution(definition);
  let delivered = 0;
  let isStarted = false;
  let asked: UpdateInput[] = [];

  const write = (kind: EventInit) => {
    const eventId = events.length + 1;
    const eventTime = timestampFromMs(1_000_000 + eventId * 1_000);
    events.push(create(HistoryEventSchema, { eventId, eventTime, kind: kind as HistoryEvent["kind"] }));
    return eventId;
  };
  const arrive = (kind: EventInit) => {
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
    const result = await execution.advance(splitTurns(events.slice(delivered), execution.position, asked));
    const updates = asked;
    asked = [];
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
        [...events.map((event) => event.kind as EventInit), ...buffered].some((kind) => ends(kind, seq));
      for (const command of result.commands) {
        const kind = eventOf(command, { taskCompletedEventId, runId, isEnded, updates });
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
    update(updateId, name, value) {
      const input = encodePayload(value);
      asked.push({ updateId, name, ...(input && { input }) });
    },
    query(name, value) {
      const input = encodePayload(value);
      const query = create(QuerySchema, { queryId: "q", name, ...(input && { input }) });
      const answer = create(QueryAnswerSchema, execution.query(query));
      if (answer.outcome.case === "failure") throw decodeFailure(answer.outcome.value);
      return decodePayload(answer.outcome.value);
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
