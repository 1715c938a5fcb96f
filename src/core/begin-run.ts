/** The beginning of a run: its first event and its first workflow task. */

import type { ContinuationReason, SignalReceived } from "../../gen/pawl/v1/event_pb.js";
import type { Failure } from "../../gen/pawl/v1/failure_pb.js";
import { appendEvent, type Draft, type EventMeta, openNewDraft, putChild } from "./draft.js";
import { type NewRun, newRun } from "./new-run.js";
import { appendOutside } from "./outside.js";
import { retryPolicyOf } from "./retry-rule.js";
import type { ChildState, RunSettings } from "./run-state.js";
import { settle } from "./settle.js";
import { scheduleTask } from "./task-attempt.js";
import { durationOf, timestampOf } from "./time.js";
import type { Context, RunTransition } from "./transition.js";

/** A signal that was delivered to the run before. */
export interface CarriedSignal {
  /** Its event in that run. */
  readonly eventId: number;
  readonly signal: SignalReceived;
  readonly meta: EventMeta;
}

/** What the first event says beside what is to begin. */
export interface Beginning {
  readonly meta: EventMeta;
  readonly requestId?: string;
  /** Why it goes on for another run. */
  readonly continuation?: { readonly reason: ContinuationReason; readonly failure?: Failure };
  /** Delivered signals of the run before that its code has not taken. */
  readonly carriedSignals?: readonly CarriedSignal[];
  /** Open children of the run before, which become its own. */
  readonly keptChildren?: readonly ChildState[];
  /** What happens to the run before its first workflow task is made. */
  readonly first?: (draft: Draft) => void;
}

/** Begins a run. */
export function beginRun(what: NewRun, beginning: Beginning, context: Context): RunTransition<void> {
  const draft = openNewDraft(newRun(what, context), context);
  appendStarted(draft, what, beginning);
  const { previousRunId = "", firstTaskAt } = draft.run.settings;
  for (const event of beginning.carriedSignals ?? []) carrySignal(draft, event, previousRunId);
  for (const child of beginning.keptChildren ?? []) keepChild(draft, child);
  beginning.first?.(draft);
  scheduleTask(draft, {}, firstTaskAt);
  return settle(draft, undefined);
}

function appendStarted(draft: Draft, { namespace, spec, lastResult }: NewRun, beginning: Beginning): void {
  const { runId, workflowId, workflowType, taskQueue, settings, attributes } = draft.run;
  const { meta, requestId = "", continuation } = beginning;
  const value = {
    namespace,
    workflowId,
    runId,
    workflowType,
    taskQueue,
    workflowTaskTimeout: durationOf(settings.workflowTaskTimeoutMs),
    priority: settings.priority,
    requestId,
    firstRunId: settings.firstRunId,
    originalRunId: settings.originalRunId,
    continuedRunId: settings.previousRunId ?? "",
    attempt: settings.attempt,
    ...(spec.input === undefined ? {} : { input: spec.input }),
    ...(spec.header === undefined ? {} : { header: spec.header }),
    searchAttributes: { ...attributes?.searchAttributes },
    memo: { ...attributes?.memo },
    ...(spec.executionTimeout === undefined ? {} : { executionTimeout: spec.executionTimeout }),
    ...timesOf(draft, settings),
    ...(settings.retry === undefined ? {} : { retryPolicy: retryPolicyOf(settings.retry) }),
    ...familyOf(settings),
    ...scheduleOf(settings),
    ...(lastResult === undefined ? {} : { lastResult }),
    ...(continuation === undefined
      ? {}
      : {
          continuationReason: continuation.reason,
          ...(continuation.failure === undefined ? {} : { continuedFailure: continuation.failure }),
        }),
  };
  appendEvent(draft, { case: "workflowStarted", value }, meta);
}

function timesOf(draft: Draft, { runTimeoutMs, executionExpiresAt, firstTaskAt }: RunSettings) {
  return {
    ...(runTimeoutMs === undefined ? {} : { runTimeout: durationOf(runTimeoutMs) }),
    ...(executionExpiresAt === undefined ? {} : { executionExpirationTime: timestampOf(executionExpiresAt) }),
    ...(firstTaskAt === undefined
      ? {}
      : { firstTaskDelay: durationOf(Math.max(0, firstTaskAt - draft.now) / 1000) }),
  };
}

function scheduleOf({ schedule }: RunSettings) {
  if (schedule === undefined) return {};
  return { scheduleId: schedule.scheduleId, scheduledTime: timestampOf(schedule.scheduledAt) };
}

function familyOf({ parent }: RunSettings) {
  if (parent === undefined) return {};
  const { namespace, workflowId, runId, initiatedEventId, root } = parent;
  return { parent: { namespace, workflowId, runId }, parentInitiatedEventId: initiatedEventId, root };
}

/** Gives the run a signal that another run has received, and answers its event's id here. One that was carried before keeps its first origin. */
export function carrySignal(
  draft: Draft,
  { eventId, signal, meta }: CarriedSignal,
  originRunId: string,
): number {
  const origin = signal.originRunId === "" ? { originRunId, originEventId: eventId } : {};
  return appendOutside(draft, { case: "signalReceived", value: { ...signal, ...origin } }, meta);
}

/** A child's beginning stands in the history of each run that has it, under the seq of the command that started it. */
function keepChild(draft: Draft, child: ChildState): void {
  const { seq, namespace, workflowId, runId, workflowType, parentClosePolicy } = child;
  const { runId: startedByRunId, initiatedEventId: startedByEventId } = child.startedBy;
  const initiated = {
    ...{ seq, namespace, spec: { workflowId, workflowType }, runId, parentClosePolicy },
    ...{ startedByRunId, startedByEventId },
  };
  const initiatedEventId = appendEvent(draft, { case: "childWorkflowInitiated", value: initiated });
  const started = { seq, initiatedEventId, child: { namespace, workflowId, runId } };
  const startedEventId =
    child.startedEventId && appendEvent(draft, { case: "childWorkflowStarted", value: started });
  draft.run.lastSeq = Math.max(draft.run.lastSeq, seq);
  putChild(draft, { ...child, initiatedEventId, startedEventId });
}
