/** What activity code can do. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ActivityTask } from "../../../gen/pawl/v1/task_pb.js";
import { decodeFailure } from "../failure-codec.js";
import { decodeHeaders } from "../headers.js";
import { decodePayload } from "../payload.js";

/** The world of one attempt at an activity. */
export interface ActivityContext {
  readonly info: ActivityInfo;
  /**
   * Aborted when the attempt shall end: the run asked it to cancel (the reason is a CancelledFailure; throw it to end as cancelled), its time is over,
   * its lease is lost, or the worker stops. Cancel requests come with heartbeats.
   */
  readonly signal: AbortSignal;
  /** Says that the attempt is alive and how far it is; the next attempt finds the details in its info. May be called as often as one likes. */
  heartbeat(details?: unknown): void;
}

/** What an attempt is. */
export interface ActivityInfo {
  readonly activityType: string;
  readonly activityId: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly workflowType: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** The same for all attempts at one activity and for no other: what to pass to services that must not do a thing twice. */
  readonly idempotencyKey: string;
  /** When this attempt must have ended. */
  readonly deadline: Date | undefined;
  /** The details of the last heartbeat of an attempt before. */
  readonly heartbeatDetails: unknown;
  /** Values that came with the start of the run, such as the context of a trace. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Why the attempt before failed. */
  readonly lastFailure: Error | undefined;
}

/** Tells what an attempt is. */
export function describeActivity(task: ActivityTask): ActivityInfo {
  const { activityType, activityId, workflowId, runId, workflowType, attempt } = task;
  return {
    activityType,
    activityId,
    workflowId,
    runId,
    workflowType,
    attempt,
    idempotencyKey: `${runId}:${task.seq}`,
    deadline: task.deadlineTime && timestampDate(task.deadlineTime),
    heartbeatDetails: decodePayload(task.heartbeatDetails),
    headers: decodeHeaders(task.header),
    lastFailure: task.lastFailure && decodeFailure(task.lastFailure),
  };
}
