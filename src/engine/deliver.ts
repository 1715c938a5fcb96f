/** Builds the tasks that go out to workers. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { ActivityTaskSchema, Query, WorkflowTaskSchema } from "../../gen/pawl/v1/task_pb.js";
import type { ActivityState, RunState } from "../core/run-state.js";
import { isTransient, provisionalEvents } from "../core/task-attempt.js";
import { durationOf, timestampOf } from "../core/time.js";
import { updatesForTask } from "../core/update-end.js";
import type { Database } from "../store/database.js";
import { readHeartbeats } from "../store/heartbeats.js";
import { readHistory } from "../store/history.js";
import type { GivenTask } from "./dispatch/task-queue.js";
import { estimateBytes } from "./estimate-bytes.js";
import type { EventReader } from "./event-reader.js";
import { activityTokenOf } from "./operations/activity-tasks.js";
import { workflowTokenOf } from "./operations/workflow-tasks.js";
import { writeHistoryPageToken } from "./page-token.js";
import type { QueryDesk } from "./query-desk.js";
import type { StateCache } from "./state-cache.js";
import type { TaskTokens } from "./task-token.js";

/** What delivering works with. */
export interface DeliveryParts {
  readonly database: Database;
  readonly cache: StateCache;
  readonly events: EventReader;
  readonly tokens: TaskTokens;
  readonly queries: Pick<QueryDesk, "takeFor">;
}

/** A workflow task as it goes out. */
export type WorkflowTaskInit = MessageInitShape<typeof WorkflowTaskSchema>;
/** An activity as it goes out. */
export type ActivityTaskInit = MessageInitShape<typeof ActivityTaskSchema>;

/** Who gets the tasks. */
export interface Recipient {
  readonly workerId: string;
  readonly isCaching: boolean;
}

/** Builds a workflow task; undefined if its lease is over already. `maxBytes` bounds its first page of history. */
export async function buildWorkflowTask(
  parts: DeliveryParts,
  given: GivenTask,
  recipient: Recipient,
  maxBytes: number,
): Promise<WorkflowTaskInit | undefined> {
  const { run } = given;
  if (given.query !== undefined) return buildQuery(parts, run, given.query, recipient, maxBytes);
  const task = run.workflowTask;
  const lease = task?.lease;
  const token = workflowTokenOf(run, given.epoch);
  if (task === undefined || lease === undefined || token === undefined) return undefined;
  const after = seenBy(recipient, run);
  const through = isTransient(task) ? run.nextEventId - 1 : lease.startedEventId;
  const updates = updatesForTask(run);
  // Large requests leave history to be read by its token.
  const isLarge = estimateBytes(updates) > maxBytes / 4;
  const page = isLarge ? { events: [], hasMore: true } : await readPage(parts, run, after, through, maxBytes);
  const last = page.events.at(-1)?.eventId ?? after;
  return {
    taskToken: parts.tokens.writeWorkflow(token),
    workflowId: run.workflowId,
    runId: run.runId,
    workflowType: run.workflowType,
    attempt: task.attempt,
    scheduledEventId: task.scheduledEventId,
    startedEventId: lease.startedEventId,
    previousStartedEventId: run.previousStartedEventId,
    startTime: timestampOf(lease.startedAt),
    deadlineTime: timestampOf(lease.expiresAt),
    history: page.events,
    historyAfterEventId: after,
    nextPageToken: page.hasMore ? writeHistoryPageToken(run, { runId: run.runId, after: last, through }) : "",
    provisionalEvents: provisionalEvents(run),
    updates,
    queries: await parts.queries.takeFor(run.runId),
  };
}

/** Builds a question to a run that has no workflow task to give. */
async function buildQuery(
  parts: DeliveryParts,
  run: RunState,
  query: Query,
  recipient: Recipient,
  maxBytes: number,
): Promise<WorkflowTaskInit> {
  const after = seenBy(recipient, run);
  const through = run.nextEventId - 1;
  const page = await readPage(parts, run, after, through, maxBytes);
  const last = page.events.at(-1)?.eventId ?? after;
  return {
    workflowId: run.workflowId,
    runId: run.runId,
    workflowType: run.workflowType,
    previousStartedEventId: run.previousStartedEventId,
    history: page.events,
    historyAfterEventId: after,
    nextPageToken: page.hasMore ? writeHistoryPageToken(run, { runId: run.runId, after: last, through }) : "",
    queries: [query],
    isQueryOnly: true,
  };
}

/** The newest event that the worker has in memory, if it ran the run last; else 0. */
function seenBy({ isCaching, workerId }: Recipient, { stickyWorkerId, stickyEventId }: RunState): number {
  return isCaching && workerId !== "" && workerId === stickyWorkerId ? stickyEventId : 0;
}

/** Builds an activity; undefined if its lease is over already. */
export async function buildActivityTask(
  parts: DeliveryParts,
  given: GivenTask,
): Promise<ActivityTaskInit | undefined> {
  const { run } = given;
  const activity = run.activities.get(given.seq);
  const lease = activity?.lease;
  if (activity === undefined || lease === undefined || lease.epoch !== given.epoch) return undefined;
  const { scheduledEventId } = activity;
  const [event, heartbeat] = await Promise.all([
    parts.events.read(run, scheduledEventId),
    readHeartbeat(parts, run, activity),
  ]);
  if (event?.kind.case !== "activityScheduled")
    throw new Error(`event ${scheduledEventId} of run ${run.runId} schedules no activity`);
  const scheduled = event.kind.value;
  return {
    taskToken: parts.tokens.writeActivity(activityTokenOf(run, activity)),
    workflowId: run.workflowId,
    runId: run.runId,
    workflowType: run.workflowType,
    activityId: activity.activityId,
    seq: activity.seq,
    activityType: activity.activityType,
    ...(scheduled.input === undefined ? {} : { input: scheduled.input }),
    ...(scheduled.header === undefined ? {} : { header: scheduled.header }),
    attempt: activity.attempt,
    scheduleTime: timestampOf(activity.scheduledAt),
    startTime: timestampOf(lease.startedAt),
    deadlineTime: timestampOf(lease.expiresAt),
    ...(activity.heartbeatMs === undefined ? {} : { heartbeatTimeout: durationOf(activity.heartbeatMs) }),
    ...(heartbeat === undefined ? {} : { heartbeatDetails: heartbeat }),
    ...(activity.lastFailure === undefined ? {} : { lastFailure: activity.lastFailure }),
    ...(scheduled.retryPolicy === undefined ? {} : { retryPolicy: scheduled.retryPolicy }),
    scheduledEventId,
  };
}

async function readPage(
  parts: DeliveryParts,
  run: RunState,
  after: number,
  through: number,
  maxBytes: number,
): Promise<{ events: HistoryEvent[]; hasMore: boolean }> {
  const cached = parts.cache.events(run, after, through, maxBytes);
  if (cached !== undefined) return { events: cached, hasMore: false };
  return readHistory(parts.database.read, {
    runId: run.runId,
    afterEventId: after,
    throughEventId: through,
    maxEvents: 1_000,
    maxBytes,
    descending: false,
  });
}

/** The details of the last heartbeat, for an attempt that another came before. */
async function readHeartbeat(parts: DeliveryParts, run: RunState, activity: ActivityState) {
  if (activity.epoch === 1) return undefined;
  const [heartbeat] = await readHeartbeats(parts.database.read, [{ runId: run.runId, seq: activity.seq }]);
  return heartbeat?.details;
}
