/** A fire: what becomes of it while earlier runs are open. */
import { create } from "@bufbuild/protobuf";
import { OverlapPolicy } from "../../../gen/pawl/v1/schedule_pb.js";
import { WorkflowSpecSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import { beginRun } from "../begin-run.js";
import { makeEvent } from "../draft.js";
import { RefusedError } from "../errors.js";
import type { Message, Micros } from "../run-state.js";
import type { Context, RunTransition } from "../transition.js";
import { type FireTimes, timesOf } from "./fire-times.js";
import {
  mostOpenRuns,
  type ScheduleContext,
  type ScheduleProgress,
  type ScheduleState,
  type StartedRun,
  shownRuns,
} from "./schedule-state.js";

/** A decision about a schedule that is being made. */
export interface ScheduleDraft {
  readonly before: ScheduleState;
  readonly context: ScheduleContext;
  /** When it fires; read from its definition when first asked for. */
  times(): FireTimes;
  progress: ScheduleProgress;
  lastResult: ScheduleState["lastResult"];
  /** The run that begins; one decision starts one at most. */
  begun: RunTransition<void> | undefined;
  readonly messages: Message[];
}

/** Opens a draft. */
export function openScheduleDraft(before: ScheduleState, context: ScheduleContext): ScheduleDraft {
  const { progress, lastResult } = before;
  let known: FireTimes | undefined;
  const times = () => {
    known ??= timesOf(before);
    return known;
  };
  return { before, context, times, progress, lastResult, begun: undefined, messages: [] };
}

/** Fires for a time. Answers the run that starts now, if one does. */
export function fire(
  draft: ScheduleDraft,
  scheduledAt: Micros,
  policy: OverlapPolicy,
): StartedRun | undefined {
  const { openRuns, waitingAt } = draft.progress;
  if (openRuns.length === 0 || policy === OverlapPolicy.ALLOW_ALL) return startRun(draft, scheduledAt);
  switch (policy) {
    case OverlapPolicy.QUEUE:
      if (waitingAt === undefined) draft.progress = { ...draft.progress, waitingAt: scheduledAt };
      else skip(draft);
      return undefined;
    case OverlapPolicy.CANCEL_OLD:
      if (waitingAt !== undefined) skip(draft);
      draft.progress = { ...draft.progress, waitingAt: scheduledAt };
      cancelOpenRuns(draft);
      return undefined;
    default:
      skip(draft);
      return undefined;
  }
}

/** Starts the run for a time, unless its workflow id was used before or its start would be refused: then the fire is skipped. */
export function startRun(draft: ScheduleDraft, scheduledAt: Micros): StartedRun | undefined {
  const workflowId = workflowIdOf(draft.before, scheduledAt);
  draft.begun = draft.context.isTaken(workflowId) ? undefined : tryToBegin(draft, workflowId, scheduledAt);
  if (draft.begun === undefined) {
    skip(draft);
    return undefined;
  }
  const { runId, startedAt } = draft.begun.after;
  const started = { workflowId, runId, scheduledAt, startedAt };
  const { openRuns, lastRuns } = draft.progress;
  draft.progress = {
    ...draft.progress,
    openRuns: [...openRuns, { workflowId }].slice(-mostOpenRuns),
    lastRuns: [started, ...lastRuns].slice(0, shownRuns),
  };
  return started;
}

/** Begins the run for a time. Throws what a start of it would. */
export function beginScheduledRun(
  { namespaceId, namespace, scheduleId, definition, lastResult }: ScheduleState,
  { workflowId, scheduledAt }: { readonly workflowId: string; readonly scheduledAt: Micros },
  context: Context,
): RunTransition<void> {
  const { workflow = create(WorkflowSpecSchema) } = definition;
  const spec = create(WorkflowSpecSchema, { ...workflow, workflowId });
  const runId = context.newRunId(namespaceId, workflowId);
  const chain = { schedule: { scheduleId, scheduledAt } };
  const meta = { userMetadata: spec.userMetadata, links: spec.links };
  return beginRun({ namespaceId, namespace, workflowId, runId, spec, chain, lastResult }, { meta }, context);
}

/** The workflow id of the run for a time. */
export function workflowIdOf(
  { scheduleId, definition }: Pick<ScheduleState, "scheduleId" | "definition">,
  scheduledAt: Micros,
): string {
  const time = new Date(Math.floor(scheduledAt / 1_000)).toISOString().slice(0, -"Z".length);
  const micros = scheduledAt % 1_000_000 === 0 ? "" : String(scheduledAt % 1_000_000).padStart(6, "0");
  const seconds = time.slice(0, time.indexOf("."));
  const prefix = definition.workflow?.workflowId || scheduleId;
  return `${prefix}-${seconds}${micros === "" ? "" : `.${micros}`}Z`;
}

/** Input and last result may be more than an event can have: then it begins without the result. */
function tryToBegin(
  { before, lastResult, context }: ScheduleDraft,
  workflowId: string,
  scheduledAt: Micros,
): RunTransition<void> | undefined {
  for (const result of [lastResult, undefined]) {
    try {
      return beginScheduledRun({ ...before, lastResult: result }, { workflowId, scheduledAt }, context);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
  }
  return undefined;
}

/** Counts a fire from which nothing comes. */
function skip(draft: ScheduleDraft): void {
  draft.progress = { ...draft.progress, skippedCount: draft.progress.skippedCount + 1 };
}

/** Asks all open runs to cancel that were not asked yet. */
function cancelOpenRuns(draft: ScheduleDraft): void {
  const { namespaceId, namespace, scheduleId } = draft.before;
  const { now } = draft.context;
  let { messagesSent } = draft.progress;
  const { senderId, openRuns } = draft.progress;
  for (const { workflowId, isCancelled } of openRuns) {
    if (isCancelled === true) continue;
    messagesSent += 1;
    const reason = `schedule "${scheduleId}" fires again`;
    draft.messages.push({
      sender: { namespaceId, namespace, workflowId: scheduleId, runId: senderId },
      number: messagesSent,
      receiver: { namespaceId, workflowId, runId: "" },
      sentAt: now,
      event: makeEvent(0, now, { case: "workflowCancelRequested", value: { reason } }, {}),
    });
  }
  const asked = openRuns.map(({ workflowId }) => ({ workflowId, isCancelled: true }));
  draft.progress = { ...draft.progress, messagesSent, openRuns: asked };
}
