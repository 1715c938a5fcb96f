/** The run that begins in place of one that closes: by continue-as-new, or as another attempt. */
import { create } from "@bufbuild/protobuf";
import { ContinuationReason } from "../../gen/pawl/v1/event_pb.js";
import { type Failure, RetryState } from "../../gen/pawl/v1/failure_pb.js";
import type { Payload } from "../../gen/pawl/v1/payload_pb.js";
import { type WorkflowSpec, WorkflowSpecSchema } from "../../gen/pawl/v1/workflow_pb.js";
import { type Beginning, beginRun, type CarriedSignal } from "./begin-run.js";
import type { Draft, EventMeta } from "./draft.js";
import { decideRetry, retryPolicyOf } from "./retry-rule.js";
import type { ChildState, Micros, RunState } from "./run-state.js";
import { durationOf } from "./time.js";

/** What is different from the run that closes. */
export interface NextRun {
  readonly spec: Partial<WorkflowSpec>;
  readonly meta: EventMeta;
  readonly continuation: NonNullable<Beginning["continuation"]>;
  readonly attempt: number;
  readonly firstTaskAt?: Micros | undefined;
  readonly carriedSignals?: readonly CarriedSignal[];
  /** What the schedule of the chain had as the result of the chain before. */
  readonly lastResult?: Payload | undefined;
  /** Open children that the next run takes over. */
  readonly keptChildren?: readonly ChildState[];
}

/** Begins the next run, and answers its state. What its spec leaves out is as before. To be called before the draft closes. */
export function beginNextRun(draft: Draft, next: NextRun): RunState {
  const { run, context } = draft;
  const { settings, namespaceId, workflowId } = run;
  const { firstRunId, executionExpiresAt, parent, schedule } = settings;
  const runId = context.newRunId(namespaceId, workflowId);
  const what = {
    namespaceId,
    namespace: settings.namespace,
    workflowId,
    runId,
    spec: { ...asBefore(draft), ...next.spec },
    lastResult: next.lastResult,
    chain: {
      firstRunId,
      attempt: next.attempt,
      previousRunId: run.runId,
      ...(next.firstTaskAt === undefined ? {} : { firstTaskAt: next.firstTaskAt }),
      ...(executionExpiresAt === undefined ? {} : { executionExpiresAt }),
      ...(parent === undefined ? {} : { parent }),
      ...(schedule === undefined ? {} : { schedule }),
    },
  };
  const { meta, continuation, carriedSignals = [], keptChildren = [] } = next;
  // The next run never begins before the end of this one.
  draft.next = beginRun(
    what,
    { meta, continuation, carriedSignals, keptChildren },
    { ...context, now: draft.now },
  );
  return draft.next.after;
}

/**
 * Another attempt at a run that has failed or run out of time, if its retry policy says so. Answers what the closing event says: the state of the
 * retries, and the run of the next attempt.
 */
export function retryRun(draft: Draft, failure: Failure): { retryState: RetryState; nextRunId: string } {
  const { run, now, context } = draft;
  const { retryStart } = run;
  const { retry, attempt, executionExpiresAt } = run.settings;
  if (retry === undefined || retryStart === undefined)
    return { retryState: RetryState.RETRY_POLICY_NOT_SET, nextRunId: "" };
  const { cancelRequestedEventId } = run;
  const attempted = { retry, attempt, expiresAt: executionExpiresAt, cancelRequestedEventId };
  const decision = decideRetry(attempted, failure, now, context);
  if (!decision.isRetried) return { retryState: decision.retryState, nextRunId: "" };
  const { input, header, lastResult } = retryStart;
  const next = beginNextRun(draft, {
    spec: { ...(input === undefined ? {} : { input }), ...(header === undefined ? {} : { header }) },
    meta: {},
    lastResult,
    continuation: { reason: ContinuationReason.RETRY, failure },
    attempt: attempt + 1,
    firstTaskAt: decision.at,
  });
  return { retryState: RetryState.IN_PROGRESS, nextRunId: next.runId };
}

function asBefore({ run }: Draft): WorkflowSpec {
  const { workflowId, workflowType, taskQueue, settings, attributes } = run;
  const { priority, workflowTaskTimeoutMs, runTimeoutMs, retry } = settings;
  return create(WorkflowSpecSchema, {
    workflowId,
    workflowType,
    taskQueue,
    priority,
    searchAttributes: { ...attributes?.searchAttributes },
    memo: { ...attributes?.memo },
    workflowTaskTimeout: durationOf(workflowTaskTimeoutMs),
    ...(runTimeoutMs === undefined ? {} : { runTimeout: durationOf(runTimeoutMs) }),
    ...(retry === undefined ? {} : { retryPolicy: retryPolicyOf(retry) }),
  });
}
