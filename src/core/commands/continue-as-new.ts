/** The command that ends the run and starts another in its place. */
import type { ContinueAsNewCommand } from "../../../gen/pawl/v1/command_pb.js";
import { ContinuationReason } from "../../../gen/pawl/v1/event_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import type { CarriedSignal } from "../begin-run.js";
import { closeRun } from "../close-run.js";
import { type Draft, removeChild } from "../draft.js";
import { beginNextRun } from "../next-run.js";
import { checkHeader, checkPayload } from "../payload.js";
import { invalidField } from "../refusals.js";
import { fillRunRetryRule } from "../retry-rule.js";
import type { ChildState, Micros } from "../run-state.js";
import { checkMemo, checkSearchAttributes, mergeAttributes } from "../search-attributes.js";
import { checkText } from "../text.js";
import { addMs, durationOf, readMicros } from "../time.js";
import type { CommandScope } from "./scope.js";

/** A run that goes on sooner than this after its start gets its first task no sooner: a chain that does nothing else must not keep a server busy. */
const shortestRunMs = 1_000;

/** Ends the run and starts the next one of the same workflow id. */
export function continueAsNew(scope: CommandScope, command: ContinueAsNewCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  checkCommand(scope, command);
  const { workflowType, taskQueue, input, header, runTimeout, workflowTaskTimeout, retryPolicy } = command;
  const attributes = mergeAttributes(draft.run.attributes, command, field, draft.context.limits);
  const carriedSignals = findCarried(scope, command.carriedSignalEventIds);
  const next = beginNextRun(draft, {
    spec: {
      ...(workflowType === "" ? {} : { workflowType }),
      ...(taskQueue === "" ? {} : { taskQueue }),
      ...(input === undefined ? {} : { input }),
      ...(header === undefined ? {} : { header }),
      ...(runTimeout === undefined ? {} : { runTimeout }),
      ...(workflowTaskTimeout === undefined ? {} : { workflowTaskTimeout }),
      ...(retryPolicy === undefined ? {} : { retryPolicy }),
      searchAttributes: { ...attributes?.searchAttributes },
      memo: { ...attributes?.memo },
    },
    meta,
    continuation: { reason: ContinuationReason.WORKFLOW },
    attempt: 1,
    firstTaskAt: earliestTask(draft.run.settings.firstTaskAt ?? draft.run.startedAt, draft.now),
    carriedSignals,
    keptChildren: command.keepChildren ? takeChildren(draft) : [],
  });
  const { runTimeoutMs } = next.settings;
  const value = {
    newRunId: next.runId,
    workflowType: next.workflowType,
    taskQueue: next.taskQueue,
    taskCompletedEventId: completedEventId,
    carriedSignalEventIds: command.carriedSignalEventIds,
    keepChildren: command.keepChildren,
    ...(input === undefined ? {} : { input }),
    ...(runTimeoutMs === undefined ? {} : { runTimeout: durationOf(runTimeoutMs) }),
  };
  closeRun(draft, WorkflowStatus.CONTINUED_AS_NEW, { case: "workflowContinuedAsNew", value }, meta);
}

function earliestTask(startedAt: Micros, now: Micros): Micros | undefined {
  const at = addMs(startedAt, shortestRunMs);
  return at > now ? at : undefined;
}

function checkCommand({ draft, field }: CommandScope, command: ContinueAsNewCommand): void {
  const { limits } = draft.context;
  checkText(command.workflowType, `${field}.workflow_type`);
  checkText(command.taskQueue, `${field}.task_queue`);
  checkPayload(command.input, `${field}.input`, limits);
  checkHeader(command.header, `${field}.header`, limits);
  checkSearchAttributes(command.searchAttributes, `${field}.search_attributes`, true);
  checkMemo(command.memo, `${field}.memo`, limits);
  readMicros(command.runTimeout, `${field}.run_timeout`);
  readMicros(command.workflowTaskTimeout, `${field}.workflow_task_timeout`);
  if (command.retryPolicy !== undefined) fillRunRetryRule(command.retryPolicy, `${field}.retry_policy`);
}

/** The open children leave this run, so that their parent-close policy does not apply. */
function takeChildren(draft: Draft): readonly ChildState[] {
  const children = [...draft.run.children.values()];
  for (const { seq } of children) removeChild(draft, seq);
  return children;
}

/** The signals that go with it, each once and in their order. The caller of the transition brings their events along. */
function findCarried({ field, events }: CommandScope, eventIds: readonly number[]): CarriedSignal[] {
  let last = 0;
  return eventIds.map((eventId, index) => {
    const where = `${field}.carried_signal_event_ids[${index}]`;
    if (eventId <= last) throw invalidField(where, `${eventId} is not above the one before it`);
    last = eventId;
    const event = events.get(eventId);
    if (event?.kind.case !== "signalReceived") throw invalidField(where, `event ${eventId} is no signal`);
    const { identity, principal, userMetadata, links } = event;
    return { eventId, signal: event.kind.value, meta: { identity, principal, userMetadata, links } };
  });
}
