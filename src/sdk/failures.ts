/** Failures as errors that code throws and catches. */
import type { RetryState, TimeoutKind } from "../../gen/pawl/v1/failure_pb.js";
import { brandClasses } from "./brand.js";
import type { Duration } from "./duration.js";

/** What can be said of an application failure. */
export interface ApplicationFailureOptions {
  /** A name that retry policies and handlers match on, such as "CardDeclined". */
  readonly type?: string;
  /** True if trying again can't help. Default false. */
  readonly isNonRetryable?: boolean;
  /** Anything more, for handlers. */
  readonly details?: unknown;
  /** The wait before the next attempt, in the place of the retry policy's back-off. */
  readonly nextRetryDelay?: Duration;
  /** What led to it. */
  readonly cause?: unknown;
}

/**
 * A failure of the business: thrown by an activity it fails the attempt, thrown by workflow code it fails the run. Any other error of workflow code
 * is taken for a bug, which fails the workflow task until the code is fixed.
 */
export class ApplicationFailure extends Error {
  override readonly name = "ApplicationFailure";
  readonly type: string;
  readonly isNonRetryable: boolean;
  readonly details: unknown;
  readonly nextRetryDelay: Duration | undefined;

  constructor(message: string, options: ApplicationFailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.type = options.type ?? "";
    this.isNonRetryable = options.isNonRetryable ?? false;
    this.details = options.details;
    this.nextRetryDelay = options.nextRetryDelay;
  }
}

/** What is known of an activity that did not succeed. */
export interface ActivityFailureFields {
  readonly activityType: string;
  readonly activityId: string;
  /** Why no further attempt was made. */
  readonly retryState: RetryState;
  /** Who ran the last attempt. */
  readonly identity: string;
}

/** An activity that failed for good, timed out, or was cancelled; `cause` says why. */
export class ActivityFailure extends Error implements ActivityFailureFields {
  override readonly name = "ActivityFailure";
  readonly activityType: string;
  readonly activityId: string;
  readonly retryState: RetryState;
  readonly identity: string;

  constructor(message: string, fields: ActivityFailureFields, options?: ErrorOptions) {
    super(message, options);
    this.activityType = fields.activityType;
    this.activityId = fields.activityId;
    this.retryState = fields.retryState;
    this.identity = fields.identity;
  }
}

/** What is known of a child that did not succeed. */
export interface ChildFailureFields {
  readonly workflowType: string;
  readonly namespace: string;
  readonly workflowId: string;
  /** Empty if it has not started. */
  readonly runId: string;
  /** Why no further run was made. */
  readonly retryState: RetryState;
}

/** A child that failed, could not start, was cancelled or terminated, or timed out; `cause` says why. */
export class ChildFailure extends Error implements ChildFailureFields {
  override readonly name = "ChildFailure";
  readonly workflowType: string;
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly retryState: RetryState;

  constructor(message: string, fields: ChildFailureFields, options?: ErrorOptions) {
    super(message, options);
    this.workflowType = fields.workflowType;
    this.namespace = fields.namespace;
    this.workflowId = fields.workflowId;
    this.runId = fields.runId;
    this.retryState = fields.retryState;
  }
}

/** A deadline that passed. */
export class TimeoutFailure extends Error {
  override readonly name = "TimeoutFailure";
  readonly kind: TimeoutKind;
  /** The details of the last heartbeat of an activity that timed out. */
  readonly lastHeartbeatDetails: unknown;

  constructor(message: string, kind: TimeoutKind, lastHeartbeatDetails?: unknown, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.lastHeartbeatDetails = lastHeartbeatDetails;
  }
}

/** Work that was cancelled. Workflow code that lets it escape after a request ends the run as cancelled. */
export class CancelledFailure extends Error {
  override readonly name = "CancelledFailure";
  readonly details: unknown;

  constructor(message = "cancelled", details?: unknown, options?: ErrorOptions) {
    super(message, options);
    this.details = details;
  }
}

/** A run that was terminated from outside. */
export class TerminatedFailure extends Error {
  override readonly name = "TerminatedFailure";
  /** Who terminated it, as the caller named itself. */
  readonly identity: string;

  constructor(message: string, identity: string, options?: ErrorOptions) {
    super(message, options);
    this.identity = identity;
  }
}

/** Work that the server could not go on with. */
export class ServerFailure extends Error {
  override readonly name = "ServerFailure";
  readonly isNonRetryable: boolean;

  constructor(message: string, isNonRetryable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isNonRetryable = isNonRetryable;
  }
}

brandClasses({
  ApplicationFailure,
  ActivityFailure,
  ChildFailure,
  TimeoutFailure,
  CancelledFailure,
  TerminatedFailure,
  ServerFailure,
});

/** Whether an error is a cancellation, as such or as the cause of an activity's or a child's failure. */
export function isCancellation(error: unknown): boolean {
  if (error instanceof CancelledFailure) return true;
  return (error instanceof ActivityFailure || error instanceof ChildFailure) && isCancellation(error.cause);
}
