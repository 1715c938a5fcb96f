/** A schedule is as the reference model says. */
import { isDeepStrictEqual } from "node:util";
import type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import type { ScheduleState } from "../../../src/core/schedules/schedule-state.js";
import { rule } from "../rule.js";
import type { ReferenceSchedule } from "./reference-schedule.js";

/** The latest time that was ever seen, and the end of what the reference model looks at. */
interface Times {
  readonly latest: number;
  readonly spanTo: number;
}

const statuses: Readonly<Record<string, WorkflowStatus>> = {
  workflowCompleted: WorkflowStatus.COMPLETED,
  workflowFailed: WorkflowStatus.FAILED,
  workflowCancelled: WorkflowStatus.CANCELLED,
  workflowTerminated: WorkflowStatus.TERMINATED,
  workflowTimedOut: WorkflowStatus.TIMED_OUT,
};

/** Compares all that is known of a schedule. */
export function checkSchedule(
  state: ScheduleState | undefined,
  reference: ReferenceSchedule | undefined,
  times: Times,
): void {
  is(state === undefined, reference === undefined, "whether the schedule is gone");
  if (state === undefined || reference === undefined) return;
  const { progress } = state;
  is(state.revision, reference.revision, "revision");
  is(progress.skippedCount, reference.skipped, "skipped fires");
  is(progress.missedCount, reference.missed, "missed fires");
  is(progress.waitingAt, reference.waiting, "the fire that waits");
  is(textOf(state.lastResult), reference.lastResult, "the last result");
  const open = progress.openRuns.map(({ workflowId, isCancelled = false }) => ({
    workflowId,
    isAsked: isCancelled,
  }));
  is(open, reference.open, "open runs");
  const shown = progress.lastRuns.map(({ workflowId, scheduledAt, status }) => [
    ...[workflowId, scheduledAt, status],
  ]);
  const last = reference.started
    .slice(0, 10)
    .map(({ workflowId, scheduledAt, end }) => [...[workflowId, scheduledAt, end && statuses[end]]]);
  is(shown, last, "last runs");
  is(progress.backfills, reference.backfills, "backfills");
  checkNext(state, reference, times);
}

function checkNext(
  { nextFireAt }: ScheduleState,
  reference: ReferenceSchedule,
  { latest, spanTo }: Times,
): void {
  const next = reference.nextDueAt();
  if (reference.backfills.length > 0)
    rule(nextFireAt !== undefined && nextFireAt <= latest, "a backfill goes on");
  else if (next === undefined)
    rule(isFar(nextFireAt, reference, spanTo), `the next fire: ${nextFireAt} instead of none`);
  else is(nextFireAt, next, "the next fire");
}

function isFar(nextFireAt: number | undefined, { plan }: ReferenceSchedule, spanTo: number): boolean {
  return nextFireAt === undefined || (!plan.isPaused && nextFireAt >= spanTo);
}

/** A payload of text. */
export function textOf(payload: Payload | undefined): string | undefined {
  return payload === undefined ? undefined : String(payload.body.value);
}

function is(found: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(found, expected))
    rule(false, `${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}
