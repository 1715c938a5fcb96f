import { randomUUID } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { HistoryEventSchema } from "../../../gen/pawl/v1/event_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import type {
  ActivityState,
  Lease,
  RunKey,
  RunState,
  WorkflowTaskState,
} from "../../../src/core/run-state.js";
import type { RecordedEvent, RunStep } from "../../../src/core/transition.js";
import type { Unit } from "../../../src/store/unit.js";

/** A time with microseconds that a float of seconds, or a Date, would lose. */
export const someTime = 1_763_800_000_123_457;

export function makeRun(fields: Partial<RunState> & Pick<RunState, "namespaceId">): RunState {
  const runId = fields.runId ?? randomUUID();
  return {
    runId,
    workflowId: `workflow-${runId}`,
    workflowType: "order",
    taskQueue: "orders",
    startedAt: someTime,
    settings: {
      namespace: "main",
      priority: 3,
      workflowTaskTimeoutMs: 10_000,
      firstRunId: runId,
      originalRunId: runId,
      attempt: 1,
    },
    version: 1,
    status: WorkflowStatus.RUNNING,
    nextEventId: 2,
    historyBytes: 100,
    lastEventAt: someTime,
    closedAt: undefined,
    cancelRequestedEventId: undefined,
    lastOutsideEventId: 0,
    lastSeq: 0,
    taskEpoch: 0,
    previousStartedEventId: 0,
    lastClosedTaskEpoch: 0,
    stickyWorkerId: "",
    stickyEventId: 0,
    workflowTask: undefined,
    activities: new Map(),
    timers: new Map(),
    children: new Map(),
    externalRequests: new Map(),
    messagesSent: 0,
    retryStart: undefined,
    updates: new Map(),
    attributes: undefined,
    snapshot: undefined,
    buffered: [],
    keys: new Map(),
    hasAllKeys: true,
    wakeupAt: undefined,
    ...fields,
  };
}

/** The next state: one version on. */
export function advance(run: RunState, fields: Partial<RunState> = {}): RunState {
  return { ...run, version: run.version + 1, ...fields };
}

export function makeTask(fields: Partial<WorkflowTaskState> = {}): WorkflowTaskState {
  return {
    scheduledEventId: 2,
    scheduledAt: someTime,
    attempt: 1,
    readyAt: someTime,
    readyPosition: undefined,
    lease: undefined,
    lastFailure: undefined,
    lastFailureCause: undefined,
    heartbeatSince: undefined,
    ...fields,
  };
}

export function makeActivity(fields: Partial<ActivityState> & Pick<ActivityState, "seq">): ActivityState {
  return {
    activityId: String(fields.seq),
    activityType: "charge",
    taskQueue: "orders",
    priority: 3,
    scheduledEventId: 5,
    scheduledAt: someTime,
    startToCloseMs: 5_000,
    scheduleToStartMs: undefined,
    heartbeatMs: undefined,
    expiresAt: undefined,
    retry: {
      initialMs: 1_000,
      coefficient: 2,
      maximumMs: 100_000,
      maximumAttempts: 0,
      nonRetryableTypes: [],
      jitter: 0.1,
    },
    attempt: 1,
    readyAt: someTime,
    readyPosition: undefined,
    epoch: 0,
    lease: undefined,
    cancelRequestedEventId: undefined,
    lastFailure: undefined,
    heartbeat: undefined,
    ...fields,
  };
}

export function makeLease(fields: Partial<Lease> = {}): Lease {
  return {
    epoch: 1,
    workerId: "worker-1",
    identity: "4711@host",
    principal: "",
    pollId: "poll-1",
    startedAt: someTime,
    expiresAt: someTime + 10_000_000,
    ...fields,
  };
}

export function makeKey(fields: Partial<RunKey> & Pick<RunKey, "key">): RunKey {
  return { kind: "signal", eventId: 3, contentHash: "hash", ...fields };
}

/** A signal of about this many bytes. */
export function makeEvent(eventId: number, size = 10): RecordedEvent {
  const event = create(HistoryEventSchema, {
    eventId,
    identity: "x".repeat(size),
    kind: { case: "signalReceived", value: { name: `signal-${eventId}` } },
  });
  return { event, bytes: toBinary(HistoryEventSchema, event) };
}

/** What a unit has that other runs have no part in. */
export const noMessages = { messages: [], delivered: [] };

/** Starts a run where the workflow id has none, or where `expected` is its current one. */
export function startUnit(run: RunState, expected?: string, others: readonly RunStep[] = []): Unit {
  return {
    namespaceId: run.namespaceId,
    workflowId: run.workflowId,
    pointer: {
      expected,
      next: { runId: run.runId, startRequestId: `request-${run.runId}`, requestHash: "abc" },
    },
    runs: [...others, { before: undefined, after: run, events: [makeEvent(1)] }],
    ...noMessages,
  };
}

/** One step of a run that exists. */
export function stepUnit(before: RunState, after: RunState, events: readonly RecordedEvent[] = []): Unit {
  return {
    namespaceId: after.namespaceId,
    workflowId: after.workflowId,
    pointer: undefined,
    runs: [{ before, after, events }],
    ...noMessages,
  };
}
