/** The state of a run before its first event. */
import { create } from "@bufbuild/protobuf";
import { WorkflowStartedSchema } from "../../gen/pawl/v1/event_pb.js";
import type { Payload } from "../../gen/pawl/v1/payload_pb.js";
import { type WorkflowSpec, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { fillRunRetryRule } from "./retry-rule.js";
import type { Micros, RunSettings, RunState } from "./run-state.js";
import { mergeAttributes } from "./search-attributes.js";
import { addMicros, addMs, latestTime, readMicros, readMs } from "./time.js";
import type { Context } from "./transition.js";

const defaultTaskQueue = "default";
const defaultPriority = 3;

/** What is to begin, and where. */
export interface NewRun {
  readonly namespaceId: string;
  /** The name of the namespace. */
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly spec: WorkflowSpec;
  /** What the run takes over from the run that it goes on for, or from its parent or schedule. */
  readonly chain?: Chain;
  /** The result of the run that its schedule has started before. */
  readonly lastResult?: Payload | undefined;
}

/** What a run takes over from others. Unset: it stands alone. */
export type Chain = Partial<
  Pick<
    RunSettings,
    "firstRunId" | "attempt" | "previousRunId" | "parent" | "schedule" | "executionExpiresAt" | "firstTaskAt"
  >
>;

/** A run that is about to start. */
export function newRun(run: NewRun, { now, limits }: Context): RunState {
  const { namespaceId, namespace, workflowId, runId, spec, chain = {}, lastResult } = run;
  return {
    runId,
    namespaceId,
    workflowId,
    workflowType: spec.workflowType,
    taskQueue: spec.taskQueue || defaultTaskQueue,
    startedAt: now,
    settings: {
      namespace,
      priority: spec.priority || defaultPriority,
      workflowTaskTimeoutMs:
        readMs(spec.workflowTaskTimeout, "spec.workflow_task_timeout") ?? limits.workflowTaskTimeoutMs,
      firstRunId: runId,
      originalRunId: runId,
      attempt: 1,
      ...timesOf(spec, chain, now),
      ...(spec.retryPolicy === undefined
        ? {}
        : { retry: fillRunRetryRule(spec.retryPolicy, "spec.retry_policy") }),
      ...chain,
    },
    ...beforeFirstEvent(),
    lastEventAt: now,
    retryStart: spec.retryPolicy === undefined ? undefined : retryStartOf(spec, lastResult),
    attributes: mergeAttributes(undefined, spec, "spec", limits),
  };
}

/** What has become of a run before its first event: nothing. */
export function beforeFirstEvent() {
  return {
    version: 0,
    status: WorkflowStatus.PENDING,
    nextEventId: 1,
    historyBytes: 0,
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
    updates: new Map(),
    snapshot: undefined,
    buffered: [],
    keys: new Map(),
    hasAllKeys: true,
    wakeupAt: undefined,
  } satisfies Partial<RunState>;
}

type Times = Pick<RunSettings, "runTimeoutMs" | "expiresAt" | "executionExpiresAt" | "firstTaskAt">;

/** A start delay counts into no timeout: the run's time begins with its first task. */
function timesOf(spec: WorkflowSpec, chain: Chain, now: Micros): Times {
  const delay = readMicros(spec.startDelay, "spec.start_delay");
  const firstTaskAt = chain.firstTaskAt ?? (delay > 0 ? addMicros(now, delay) : undefined);
  const beginsAt = firstTaskAt ?? now;
  const runTimeoutMs = readMs(spec.runTimeout, "spec.run_timeout");
  const executionTimeoutMs = readMs(spec.executionTimeout, "spec.execution_timeout");
  const executionExpiresAt =
    chain.executionExpiresAt ??
    (executionTimeoutMs === undefined ? undefined : addMs(beginsAt, executionTimeoutMs));
  const runExpiresAt = runTimeoutMs === undefined ? latestTime : addMs(beginsAt, runTimeoutMs);
  const expiresAt = Math.min(runExpiresAt, executionExpiresAt ?? latestTime);
  return {
    ...(firstTaskAt === undefined ? {} : { firstTaskAt }),
    ...(runTimeoutMs === undefined ? {} : { runTimeoutMs }),
    ...(executionExpiresAt === undefined ? {} : { executionExpiresAt }),
    ...(expiresAt === latestTime ? {} : { expiresAt }),
  };
}

function retryStartOf({ input, header }: WorkflowSpec, lastResult: Payload | undefined) {
  return create(WorkflowStartedSchema, {
    ...(input === undefined ? {} : { input }),
    ...(header === undefined ? {} : { header }),
    ...(lastResult === undefined ? {} : { lastResult }),
  });
}
