/** One activity, pending or ended. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import type { ActivityRef } from "../../../gen/pawl/v1/task_pb.js";
import { ActivityStatus, type GetActivityRequest } from "../../../gen/pawl/v1/worker_service_pb.js";
import { activityNotFound } from "../../core/activity-target.js";
import { invalidField } from "../../core/refusals.js";
import { type ActivityState, type RunState, runKeyId } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import { pendingActivity } from "../../core/workflow-record.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { msFromDuration } from "../time.js";
import { startWait, waitTimeOf } from "../wait.js";
import { findEvent } from "./find-event.js";
import { findKnownRun, findRun } from "./find-run.js";

type FailureInit = MessageInitShape<typeof FailureSchema>;

/** Gets an activity; waits for its end if asked to. */
export async function getActivity(parts: EngineParts, request: GetActivityRequest, call: Call) {
  const { activity: ref, wait } = request;
  if (ref === undefined) throw invalidField("activity", "must be given");
  if (ref.workflowId === "") throw invalidField("activity.workflow_id", "must be given");
  if (ref.activity.case === undefined)
    throw invalidField("activity", "must be named by activity_id or by seq");
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { workflowId } = ref;
  const keys = ref.activity.case === "seq" ? keysOf(ref.activity.value) : [];
  const first = await findRun(parts, { namespaceId, workflowId, runId: ref.runId, keys });
  const waitMs = wait === undefined ? 0 : msFromDuration(wait);
  const waiter = startWait(waitTimeOf(call, waitMs, Date.now()), call.signal);
  const stopWatching = parts.watch.watch(first.runId, waiter.wake);
  try {
    for (let goesOn = waitMs > 0; ; goesOn = await waiter.next()) {
      const isCurrent = waitMs === 0;
      const run = isCurrent
        ? first
        : await findKnownRun(parts, { namespaceId, workflowId, runId: first.runId, keys });
      const pending = findPending(run, ref);
      if (pending === undefined) return await ended(parts, run, ref);
      if (!goesOn) return { ...statusOf(pending), pending: pendingActivity(pending, parts.clock.latest()) };
    }
  } finally {
    stopWatching();
    waiter.close();
  }
}

/** What remembers the end of an activity, and its beginning by a direct operation. */
function keysOf(seq: number): string[] {
  return [runKeyId("activity", String(seq)), runKeyId("seq", String(seq))];
}

function findPending({ activities }: RunState, { activity }: ActivityRef): ActivityState | undefined {
  if (activity.case === "seq") return activities.get(activity.value);
  return [...activities.values()].find(({ activityId }) => activityId === activity.value);
}

function statusOf({ lease }: ActivityState) {
  return { status: lease === undefined ? ActivityStatus.PENDING : ActivityStatus.RUNNING };
}

/** How an activity ended that is pending no more. */
async function ended(parts: EngineParts, run: RunState, ref: ActivityRef) {
  const scheduled = await findScheduled(parts, run, ref);
  const { kind } = scheduled;
  if (kind.case !== "activityScheduled") throw new Error(`event ${scheduled.eventId} schedules no activity`);
  const end = await findEnd(parts, run, scheduled.eventId, kind.value.seq);
  if (end !== undefined) return outcomeOf(end);
  if (!isClosedStatus(run.status))
    throw new Error(`activity ${kind.value.seq} of run ${run.runId} has no end`);
  // Its end may also be missing since the run is being deleted.
  await findKnownRun(parts, { namespaceId: run.namespaceId, workflowId: run.workflowId, runId: run.runId });
  const message = "the run closed before the activity ended";
  const failure = { message, source: "server", kind: { case: "cancelled" as const, value: {} } };
  return { status: ActivityStatus.CANCELLED, outcome: { case: "failure" as const, value: failure } };
}

/** The event that scheduled the activity; of several with its id, the newest. */
async function findScheduled(
  parts: EngineParts,
  run: RunState,
  { activity }: ActivityRef,
): Promise<HistoryEvent> {
  const made = activity.case === "seq" ? run.keys.get(runKeyId("seq", String(activity.value))) : undefined;
  let newest = made === undefined ? undefined : await parts.events.read(run, made.eventId);
  if (newest?.kind.case === "activityScheduled") return newest;
  newest = undefined;
  await findEvent(parts, run, 0, (event) => {
    const { kind } = event;
    if (kind.case !== "activityScheduled") return false;
    if (activity.case === "seq" && kind.value.seq === activity.value) newest = event;
    if (activity.case === "activityId" && kind.value.activityId === activity.value) newest = event;
    return activity.case === "seq" && newest !== undefined;
  });
  if (newest !== undefined) return newest;
  throw activityNotFound(
    `activity ${activity.case === "seq" ? `with seq ${activity.value}` : `"${activity.value}"`}`,
  );
}

async function findEnd(parts: EngineParts, run: RunState, scheduledEventId: number, seq: number) {
  const known = run.keys.get(runKeyId("activity", String(seq)));
  const event =
    known === undefined || known.eventId === 0 ? undefined : await parts.events.read(run, known.eventId);
  return (
    event ??
    findEvent(parts, run, scheduledEventId, ({ kind }) => {
      switch (kind.case) {
        case "activityCompleted":
        case "activityFailed":
        case "activityTimedOut":
        case "activityCancelled":
          return kind.value.scheduledEventId === scheduledEventId;
        default:
          return false;
      }
    })
  );
}

function outcomeOf({ kind, eventId }: HistoryEvent) {
  const failed = (status: ActivityStatus, failure: FailureInit | undefined) => ({
    status,
    ...(failure === undefined ? {} : { outcome: { case: "failure" as const, value: failure } }),
  });
  switch (kind.case) {
    case "activityCompleted": {
      const { result } = kind.value;
      return {
        status: ActivityStatus.COMPLETED,
        ...(result === undefined ? {} : { outcome: { case: "result" as const, value: result } }),
      };
    }
    case "activityFailed":
      return failed(ActivityStatus.FAILED, kind.value.failure);
    case "activityTimedOut":
      return failed(ActivityStatus.TIMED_OUT, kind.value.failure);
    case "activityCancelled": {
      const { details } = kind.value;
      return failed(ActivityStatus.CANCELLED, {
        message: "the activity was cancelled",
        source: "server",
        kind: { case: "cancelled", value: details === undefined ? {} : { details } },
      });
    }
    default:
      throw new Error(`event ${eventId} ends no activity`);
  }
}
