import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { HistoryEventSchema, WorkflowStartedSchema } from "../../../gen/pawl/v1/event_pb.js";
import { type Failure, FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import { PayloadSchema } from "../../../gen/pawl/v1/payload_pb.js";
import { SearchAttributeValueSchema } from "../../../gen/pawl/v1/search_attribute_pb.js";
import { UpdateRequestSchema } from "../../../gen/pawl/v1/task_pb.js";
import {
  ParentClosePolicy,
  WorkflowStatus,
  WorkflowTaskFailureCause,
} from "../../../gen/pawl/v1/workflow_pb.js";
import type {
  ActivityState,
  BufferedEvent,
  ChildState,
  ExternalRequestState,
  Lease,
  RunAttributes,
  RunKey,
  RunSettings,
  RunState,
  TimerState,
  UpdateState,
  WorkflowTaskLease,
  WorkflowTaskState,
} from "../../../src/core/run-state.js";

/** Text of any kind that a name may have. */
const name = fc.string({ unit: "grapheme", maxLength: 12 }).filter((text) => !text.includes("\0"));
/** Text that may even have U+0000 and half a surrogate pair. */
const anyText = fc.oneof(name, fc.string({ unit: "binary", maxLength: 8 }), fc.constant("a\0b\ud800\\u0000"));
const id = fc.uuid();
const count = fc.integer({ min: 0, max: 2_000_000_000 });
const micros = fc.integer({ min: 0, max: 2 ** 52 });
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const failure: fc.Arbitrary<Failure> = fc
  .record({ message: name, stackTrace: name }, { noNullPrototype: true })
  .map((fields) => create(FailureSchema, fields));

const lease: fc.Arbitrary<Lease> = record({
  epoch: count,
  workerId: name,
  identity: anyText,
  principal: anyText,
  pollId: name,
  startedAt: micros,
  expiresAt: micros,
});

const taskLease: fc.Arbitrary<WorkflowTaskLease> = fc
  .tuple(
    lease,
    record({
      startedEventId: count,
      historyLength: count,
      historyBytes: micros,
      suggestContinueAsNew: fc.boolean(),
    }),
  )
  .map(([base, own]) => ({ ...base, ...own }));

const task: fc.Arbitrary<WorkflowTaskState> = record({
  scheduledEventId: count,
  scheduledAt: micros,
  attempt: count,
  readyAt: micros,
  readyPosition: maybe(micros),
  lease: maybe(taskLease),
  lastFailure: maybe(failure),
  lastFailureCause: maybe(fc.constant(WorkflowTaskFailureCause.NON_DETERMINISM)),
  heartbeatSince: maybe(micros),
});

const activity: fc.Arbitrary<ActivityState> = record({
  seq: fc.integer({ min: 1, max: 6 }),
  activityId: name,
  activityType: name,
  taskQueue: name,
  priority: fc.integer({ min: 1, max: 5 }),
  scheduledEventId: count,
  scheduledAt: micros,
  startToCloseMs: count,
  scheduleToStartMs: maybe(count),
  heartbeatMs: maybe(count),
  expiresAt: maybe(micros),
  retry: record({
    initialMs: count,
    coefficient: fc.double({ noNaN: true, noDefaultInfinity: true, min: 1, max: 1e300 }),
    maximumMs: count,
    maximumAttempts: count,
    nonRetryableTypes: fc.array(anyText, { maxLength: 3 }),
    jitter: fc.double({ noNaN: true, min: 0, max: 1 }),
  }),
  attempt: count,
  readyAt: micros,
  readyPosition: maybe(micros),
  epoch: count,
  lease: maybe(lease),
  cancelRequestedEventId: maybe(count),
  lastFailure: maybe(failure),
  heartbeat: fc.constant(undefined),
});

const timer: fc.Arbitrary<TimerState> = record({
  seq: fc.integer({ min: 1, max: 6 }),
  scheduledEventId: count,
  fireAt: micros,
});

const address = { namespace: name, workflowId: name, runId: id };

const child: fc.Arbitrary<ChildState> = record({
  ...address,
  seq: fc.integer({ min: 1, max: 6 }),
  initiatedEventId: count,
  startedEventId: maybe(count),
  namespaceId: id,
  workflowType: name,
  startedBy: record({ runId: id, initiatedEventId: count }),
  parentClosePolicy: fc.constantFrom(ParentClosePolicy.ABANDON, ParentClosePolicy.TERMINATE),
});

const externalRequest: fc.Arbitrary<ExternalRequestState> = fc.record(
  {
    seq: fc.integer({ min: 1, max: 6 }),
    initiatedEventId: count,
    kind: fc.constantFrom("signal", "cancel"),
    target: record(address),
    sentBy: id,
  },
  { noNullPrototype: true, requiredKeys: ["seq", "initiatedEventId", "kind", "target"] },
);

const buffered: fc.Arbitrary<BufferedEvent> = record({
  position: fc.integer({ min: 0, max: 8 }),
  event: name.map((text) =>
    create(HistoryEventSchema, { kind: { case: "signalReceived", value: { name: text } } }),
  ),
});

const key: fc.Arbitrary<RunKey> = record({
  kind: fc.constantFrom("signal", "cancel", "terminate", "activity"),
  key: name,
  eventId: fc.integer({ min: 0, max: 50 }),
  contentHash: name,
});

const settings: fc.Arbitrary<RunSettings> = fc.record(
  {
    namespace: name,
    priority: fc.integer({ min: 1, max: 5 }),
    workflowTaskTimeoutMs: count,
    expiresAt: micros,
    executionExpiresAt: micros,
    firstRunId: id,
    originalRunId: id,
    attempt: count,
    firstTaskAt: micros,
    runTimeoutMs: count,
    previousRunId: id,
    parent: record({
      ...address,
      namespaceId: id,
      seq: count,
      initiatedEventId: count,
      root: record(address),
    }),
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      "namespace",
      "priority",
      "workflowTaskTimeoutMs",
      "firstRunId",
      "originalRunId",
      "attempt",
    ],
  },
);

/** What changes as a run goes on. Maps are sorted as a load gives them. */
type Changing = Omit<
  RunState,
  | "runId"
  | "namespaceId"
  | "workflowId"
  | "workflowType"
  | "taskQueue"
  | "startedAt"
  | "settings"
  | "version"
  | "hasAllKeys"
  | "keys"
  | "retryStart"
> & {
  keys: readonly RunKey[];
};

const closed = record({
  status: fc.constantFrom(WorkflowStatus.COMPLETED, WorkflowStatus.CONTINUED_AS_NEW),
  closedAt: micros,
});
const open = record({ status: fc.constant(WorkflowStatus.RUNNING), closedAt: fc.constant(undefined) });

const attributeValue = fc
  .oneof(
    name.map((value) => ({ case: "keyword" as const, value })),
    fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .map((value) => ({ case: "integer" as const, value })),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map((value) => ({ case: "number" as const, value: value + 0 })),
    fc.boolean().map((value) => ({ case: "boolean" as const, value })),
  )
  .map((value) => create(SearchAttributeValueSchema, { value }));

const attributeName = name.filter((text) => text !== "" && text !== "__proto__");
const payload = name.map((value) => create(PayloadSchema, { body: { case: "json", value } }));

const attributes: fc.Arbitrary<RunAttributes | undefined> = fc.option(
  fc
    .tuple(
      fc.dictionary(attributeName, attributeValue, { maxKeys: 3, noNullPrototype: true }),
      fc.dictionary(attributeName, payload, { maxKeys: 3, noNullPrototype: true }),
    )
    .map(([searchAttributes, memo]) =>
      Object.keys(searchAttributes).length + Object.keys(memo).length === 0
        ? undefined
        : { searchAttributes, memo },
    ),
  { nil: undefined },
);

const update: fc.Arbitrary<UpdateState> = record({
  updateId: name.filter((text) => text !== ""),
  position: fc.constant(1),
  contentHash: name,
  isUnseen: fc.boolean(),
  acceptedEventId: maybe(count),
  request: maybe(name.map((text) => create(UpdateRequestSchema, { updateId: text, name: text }))),
  // Stored apart, and never loaded with the state.
  rejection: fc.constant(undefined),
});

const changing: fc.Arbitrary<Changing> = fc
  .tuple(
    fc.oneof(open, closed),
    record({
      nextEventId: fc.integer({ min: 1, max: 2_000_000_000 }),
      historyBytes: micros,
      lastEventAt: micros,
      cancelRequestedEventId: maybe(count),
      lastOutsideEventId: count,
      lastSeq: count,
      taskEpoch: count,
      previousStartedEventId: count,
      lastClosedTaskEpoch: count,
      stickyWorkerId: name,
      stickyEventId: count,
      workflowTask: maybe(task),
      activities: fc.array(activity, { maxLength: 4 }).map((list) => bySeq(list)),
      timers: fc.array(timer, { maxLength: 4 }).map((list) => bySeq(list)),
      children: fc.array(child, { maxLength: 4 }).map((list) => bySeq(list)),
      externalRequests: fc.array(externalRequest, { maxLength: 4 }).map((list) => bySeq(list)),
      messagesSent: count,
      updates: fc
        .uniqueArray(update, { maxLength: 3, selector: ({ updateId }) => updateId })
        .map(
          (list) => new Map(list.map((entry, index) => [entry.updateId, { ...entry, position: index + 1 }])),
        ),
      attributes,
      // Stored apart, and never loaded with the state.
      snapshot: fc.constant(undefined),
      buffered: fc.uniqueArray(buffered, { maxLength: 4, selector: (entry) => entry.position }).map(inOrder),
      keys: fc.array(key, { maxLength: 4 }),
      wakeupAt: maybe(micros),
    }),
  )
  .map(([status, rest]) => ({ ...status, ...rest }));

/** A run at its start and in a few states that follow, each of which shares some parts with the one before, by reference. */
export const arbitraryRunLife: fc.Arbitrary<readonly RunState[]> = fc
  .tuple(
    record({
      runId: id,
      workflowId: name.filter((text) => text !== ""),
      workflowType: name,
      taskQueue: name,
      startedAt: micros,
      settings,
      retryStart: maybe(name.map((text) => create(WorkflowStartedSchema, { workflowType: text }))),
    }),
    fc.array(fc.tuple(changing, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 })), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([fixed, steps]) => {
    const states: RunState[] = [];
    for (const [next, keeps] of steps) {
      const last = states.at(-1);
      const version = (last?.version ?? 0) + 1;
      const base = { ...fixed, namespaceId: "", version, hasAllKeys: true };
      states.push({
        ...base,
        ...next,
        activities: keepSome(last?.activities, next.activities, keeps),
        timers: keepSome(last?.timers, next.timers, keeps),
        children: keepSome(last?.children, next.children, keeps),
        externalRequests: keepSome(last?.externalRequests, next.externalRequests, keeps),
        keys: new Map([
          ...(last?.keys ?? []),
          ...next.keys.map((entry) => [`${entry.kind}:${entry.key}`, entry] as const),
        ]),
        ...(keeps[0] && last ? { workflowTask: last.workflowTask, buffered: last.buffered } : {}),
        ...(keeps[1] && last ? { settings: withOwner(last.settings, last.runId) } : {}),
      });
    }
    return states;
  });

/** Another run has taken over the child. */
function withOwner(settings: RunSettings, ownerRunId: string): RunSettings {
  return settings.parent === undefined
    ? settings
    : { ...settings, parent: { ...settings.parent, ownerRunId } };
}

function bySeq<T extends { seq: number }>(list: readonly T[]): ReadonlyMap<number, T> {
  return new Map([...list].sort((a, b) => a.seq - b.seq).map((entry) => [entry.seq, entry]));
}

function inOrder(list: readonly BufferedEvent[]): readonly BufferedEvent[] {
  return [...list].sort((a, b) => a.position - b.position);
}

function keepSome<T extends { seq: number }>(
  last: ReadonlyMap<number, T> | undefined,
  next: ReadonlyMap<number, T>,
  keeps: readonly boolean[],
): ReadonlyMap<number, T> {
  if (last === undefined) return next;
  const kept = [...last.values()].filter((entry) => keeps[entry.seq - 1]);
  return bySeq([...next.values()].filter((entry) => !kept.some((one) => one.seq === entry.seq)).concat(kept));
}
