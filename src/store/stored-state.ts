/** The parts of a run's state that are stored as JSON or as messages: how they are written, and how they are read back. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { WorkflowStartedSchema } from "../../gen/pawl/v1/event_pb.js";
import { type Failure, FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { UpdateRequestSchema } from "../../gen/pawl/v1/task_pb.js";
import type {
  ActivityState,
  ChildState,
  ExternalRequestState,
  Heartbeat,
  RunAttributes,
  RunSettings,
  UpdateState,
  WorkflowTaskState,
} from "../core/run-state.js";

/** JSON leaves out what is undefined. */
type Stored<T> = { readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: T[K];
};

/** An activity as its JSON has it. */
export type StoredActivity = Stored<Omit<ActivityState, "lastFailure" | "heartbeat">>;

/** A workflow task as its JSON has it. */
export type StoredWorkflowTask = Stored<Omit<WorkflowTaskState, "lastFailure">>;

/** JSON of an activity, without its last failure and its heartbeat, which have columns of their own. */
export function encodeActivity(activity: ActivityState): string {
  const { lastFailure: _failure, heartbeat: _heartbeat, ...stored } = activity;
  return JSON.stringify(stored satisfies StoredActivity);
}

/** JSON of a workflow task, without its last failure. */
export function encodeWorkflowTask(task: WorkflowTaskState): string {
  const { lastFailure: _failure, ...stored } = task;
  return JSON.stringify(stored satisfies StoredWorkflowTask);
}

/** A child as its JSON has it. */
export type StoredChild = Stored<ChildState>;

/** JSON of a child. */
export function encodeChild(child: ChildState): string {
  return JSON.stringify(child satisfies StoredChild);
}

/** See `decodeActivity`. */
export function decodeChild(stored: StoredChild): ChildState {
  return { startedEventId: undefined, ...stored };
}

/** An update as its JSON has it. */
export type StoredUpdate = Stored<Omit<UpdateState, "request" | "rejection">>;

/** JSON of an update, without its request and rejection, which have columns of their own. */
export function encodeUpdate(update: UpdateState): string {
  const { request: _request, rejection: _rejection, ...stored } = update;
  return JSON.stringify(stored satisfies StoredUpdate);
}

/** See `decodeActivity`. */
export function decodeUpdate(stored: StoredUpdate, request: Uint8Array | null): UpdateState {
  return {
    acceptedEventId: undefined,
    ...stored,
    request: request === null ? undefined : fromBinary(UpdateRequestSchema, request),
    rejection: undefined,
  };
}

/** JSON of a request to another run. */
export function encodeExternalRequest(request: ExternalRequestState): string {
  return JSON.stringify(request);
}

/** JSON of what is fixed at a run's start. */
export function encodeSettings(settings: RunSettings): string {
  return JSON.stringify(settings);
}

/** Bytes of search attributes and memo. */
export function encodeAttributes(attributes: RunAttributes | undefined): Uint8Array {
  const searchAttributes = { ...attributes?.searchAttributes };
  const memo = { ...attributes?.memo };
  return toBinary(WorkflowStartedSchema, create(WorkflowStartedSchema, { searchAttributes, memo }));
}

/** The search attributes and the memo of bytes. */
export function decodeAttributes(bytes: Uint8Array | null): RunAttributes | undefined {
  if (bytes === null || bytes.length === 0) return undefined;
  const { searchAttributes, memo } = fromBinary(WorkflowStartedSchema, bytes);
  return { searchAttributes, memo };
}

/** Bytes of a failure. */
export function encodeFailure(failure: Failure | undefined): Uint8Array | undefined {
  return failure === undefined ? undefined : toBinary(FailureSchema, failure);
}

/** The failure of bytes. */
export function decodeFailure(bytes: Uint8Array | null): Failure | undefined {
  return bytes === null ? undefined : fromBinary(FailureSchema, bytes);
}

/** Puts back what was undefined, so that a state reads as it was written. */
export function decodeActivity(row: {
  state: StoredActivity;
  lastFailure: Failure | undefined;
  heartbeat: Heartbeat | undefined;
}): ActivityState {
  return {
    scheduleToStartMs: undefined,
    heartbeatMs: undefined,
    expiresAt: undefined,
    readyPosition: undefined,
    lease: undefined,
    cancelRequestedEventId: undefined,
    ...row.state,
    lastFailure: row.lastFailure,
    heartbeat: row.heartbeat,
  };
}

/** See `decodeActivity`. */
export function decodeWorkflowTask(
  stored: StoredWorkflowTask,
  lastFailure: Failure | undefined,
): WorkflowTaskState {
  return {
    readyPosition: undefined,
    lease: undefined,
    lastFailureCause: undefined,
    heartbeatSince: undefined,
    ...stored,
    lastFailure,
  };
}

/** The heartbeat of a row's columns. */
export function decodeHeartbeat(epoch: number, at: number, details: Uint8Array | null): Heartbeat {
  return { epoch, at, details: details === null ? undefined : fromBinary(PayloadSchema, details) };
}
