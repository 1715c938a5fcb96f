/**
 * What is known of a workflow id and of its current run: all that a transition needs to decide, and nothing that grows with history.
 *
 * States are immutable: a transition returns a new one that shares what did not change, so that the difference between two states, found by
 * comparing references, is what has to be written.
 */
import type { HistoryEvent, WorkflowStarted } from "../../gen/pawl/v1/event_pb.js";
import type { Failure } from "../../gen/pawl/v1/failure_pb.js";
import type { Payload } from "../../gen/pawl/v1/payload_pb.js";
import type { SearchAttributeValue } from "../../gen/pawl/v1/search_attribute_pb.js";
import type { UpdateRequest } from "../../gen/pawl/v1/task_pb.js";
import type {
  ParentClosePolicy,
  WorkflowStatus,
  WorkflowTaskFailureCause,
} from "../../gen/pawl/v1/workflow_pb.js";

/** A point in time: whole microseconds since 1970, by the database's clock. */
export type Micros = number;

/** The row that says which run is the current one of a workflow id, open or closed. */
export interface Pointer {
  readonly runId: string;
  /** The request id of the start that made this run; empty if none was given. */
  readonly startRequestId: string;
  /** Hex SHA-256 of that start's content, so that a reused request id is told from a repeat. */
  readonly requestHash: string;
}

/** A workflow id as it is known: neither pointer nor run if it was never started (or its runs are gone). */
export interface Workflow {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly pointer: Pointer | undefined;
  readonly run: RunState | undefined;
  /** Nothing starts in its namespace any more: that is being deleted, or gone. */
  readonly isEnding?: boolean;
}

/** One run. */
export interface RunState {
  readonly runId: string;
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly workflowType: string;
  readonly taskQueue: string;
  readonly startedAt: Micros;
  /** What was fixed at the start. */
  readonly settings: RunSettings;

  /** Grows by one with every batch that writes the run; the guard of those writes. Kept by the engine, not by transitions. */
  readonly version: number;
  readonly status: WorkflowStatus;
  readonly nextEventId: number;
  /** Size of all stored events, in bytes. */
  readonly historyBytes: number;
  /** Time of the newest event; none after it is earlier. */
  readonly lastEventAt: Micros;
  readonly closedAt: Micros | undefined;
  /** The WorkflowCancelRequested event; undefined if cancellation was not requested (or its event is still buffered: then 0). */
  readonly cancelRequestedEventId: number | undefined;
  /** The newest event from outside of workflow code that is in history; 0: none. */
  readonly lastOutsideEventId: number;
  /** The highest seq that a command has used. */
  readonly lastSeq: number;
  /** Grows with every start of a workflow task; fences its lease. */
  readonly taskEpoch: number;
  /** The WorkflowTaskStarted of the last completed task; 0 if there is none. */
  readonly previousStartedEventId: number;
  /** The lease epoch of the last workflow task that was completed or failed by its worker: a repeat of that call is known by it. 0: none. */
  readonly lastClosedTaskEpoch: number;
  /** The worker that completed the last task and keeps the run cached; empty if none. */
  readonly stickyWorkerId: string;
  /** The newest WorkflowTaskStarted that the sticky worker has seen. */
  readonly stickyEventId: number;
  readonly workflowTask: WorkflowTaskState | undefined;

  /** Pending activities by seq. */
  readonly activities: ReadonlyMap<number, ActivityState>;
  /** Pending timers by seq. */
  readonly timers: ReadonlyMap<number, TimerState>;
  /** Children that have not ended, by seq. */
  readonly children: ReadonlyMap<number, ChildState>;
  /** Signals and cancellations sent to other runs that are not answered yet, by seq. */
  readonly externalRequests: ReadonlyMap<number, ExternalRequestState>;
  /** How many messages the run has sent to other runs: the number of the last one. */
  readonly messagesSent: number;
  /** Input, header and last result of the start, kept only where a retry policy may need them for another run. */
  readonly retryStart: WorkflowStarted | undefined;
  /** Updates that are not answered, by id, in the order in which they came; and such as were just rejected, as long as that is to be stored. */
  readonly updates: ReadonlyMap<string, UpdateState>;
  /** What the run is found by and shown with. Undefined: nothing. */
  readonly attributes: RunAttributes | undefined;
  /** The snapshot that was taken last, as long as it is to be stored; a state that is loaded has none. */
  readonly snapshot: Snapshot | undefined;
  /** Events from outside that wait for the started workflow task to close, in order. */
  readonly buffered: readonly BufferedEvent[];
  /** Request ids and the like that were used, by `runKeyId`: the newest, and those that were asked for. */
  readonly keys: ReadonlyMap<string, RunKey>;
  /** Whether `keys` has all keys of the run. */
  readonly hasAllKeys: boolean;
  /** When the run's wake-up row is due: never later than its earliest deadline. Undefined: there is no row. */
  readonly wakeupAt: Micros | undefined;
}

/** What a run is found by, and what is shown with it. */
export interface RunAttributes {
  /** Each has a value. */
  readonly searchAttributes: Readonly<Record<string, SearchAttributeValue>>;
  readonly memo: Readonly<Record<string, Payload>>;
}

/** The state of workflow code, as it says. */
export interface Snapshot {
  /** The event up to which it is that of the run. */
  readonly asOfEventId: number;
  readonly state: Payload;
}

/** What is fixed when a run starts. Kept as JSON: plain values alone. */
export interface RunSettings {
  /** Name of the namespace, for events and tasks. */
  readonly namespace: string;
  readonly priority: number;
  readonly workflowTaskTimeoutMs: number;
  /** When this run, and its whole chain, must have ended: the earlier of both. */
  readonly expiresAt?: Micros;
  readonly executionExpiresAt?: Micros;
  readonly firstRunId: string;
  readonly originalRunId: string;
  /** Which attempt by the retry policy this run is, from 1. */
  readonly attempt: number;
  /** When the first workflow task may be given out, if later than the start. */
  readonly firstTaskAt?: Micros;
  /** The longest that each run of the chain may take. */
  readonly runTimeoutMs?: number;
  /** Whether and how the run is tried again when it fails. */
  readonly retry?: RetryRule;
  /** The run that it goes on for. */
  readonly previousRunId?: string;
  /** The run that a reset made this one of: also its `previousRunId`. */
  readonly resetFromRunId?: string;
  /** The run that waits for the end of this one's chain. */
  readonly parent?: ParentRef;
  /** The schedule that started the chain, and waits for its end. */
  readonly schedule?: ScheduleRef;
}

/** A schedule of the run's namespace, and the time that it fired for. */
export interface ScheduleRef {
  readonly scheduleId: string;
  readonly scheduledAt: Micros;
}

/** An update that is not answered. Kept as JSON: plain values alone, but for `request` and `rejection`. */
export interface UpdateState {
  readonly updateId: string;
  /** Its place among those of the run. */
  readonly position: number;
  /** Tells a repeat from a reuse of its id. */
  readonly contentHash: string;
  /** It came while a workflow task was started, which does not have it. */
  readonly isUnseen: boolean;
  /** The UpdateAccepted event. Undefined: it was not accepted. */
  readonly acceptedEventId: number | undefined;
  /** What is asked. Undefined: history has it. */
  readonly request: UpdateRequest | undefined;
  /** Why it was rejected; a state that is loaded has none such. */
  readonly rejection: Failure | undefined;
}

/** Names a run of any namespace, by the namespace's name. */
export interface RunAddress {
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
}

/** Where a parent is, and which of its children this one is. */
export interface ParentRef extends RunAddress {
  readonly namespaceId: string;
  readonly seq: number;
  readonly initiatedEventId: number;
  /** The run at the top of the chain of parents. */
  readonly root: RunAddress;
  /** The run of the parent that has it now, if a reset took it over. What it tells is addressed to the one that started it nevertheless: whoever has it knows. */
  readonly ownerRunId?: string;
}

/** The pending workflow task. Kept as JSON: plain values alone, but for `lastFailure`. */
export interface WorkflowTaskState {
  /** Id of its WorkflowTaskScheduled; provisional for a transient attempt. */
  readonly scheduledEventId: number;
  readonly scheduledAt: Micros;
  /** From 1. From 2 on the attempt is transient: its Scheduled and Started are stored only when it succeeds. */
  readonly attempt: number;
  /** When this attempt may be given out. */
  readonly readyAt: Micros;
  /** Its place in the queue, if it has a row among the ready tasks. */
  readonly readyPosition: Micros | undefined;
  /** Who has it. Undefined: nobody. */
  readonly lease: WorkflowTaskLease | undefined;
  readonly lastFailure: Failure | undefined;
  readonly lastFailureCause: WorkflowTaskFailureCause | undefined;
  /** For a task that is kept alive by heartbeats: when the first of them began. */
  readonly heartbeatSince: Micros | undefined;
  /** The commands that its holder has sent ahead, which are kept apart: how many, and their bytes. Unset: none. */
  readonly appended?: { readonly count: number; readonly bytes: number } | undefined;
  /** How many completions in a row were refused since they would have closed the run while something new had come in. Unset: none. */
  readonly refusedCloses?: number;
}

/** Who has a task, and until when. */
export interface Lease {
  /** Fences: a completion with another epoch is stale. */
  readonly epoch: number;
  readonly workerId: string;
  readonly identity: string;
  readonly principal: string;
  /** The poll that it went to; a start decided again for the same poll finds its own. */
  readonly pollId: string;
  readonly startedAt: Micros;
  /** When it ends unless it is renewed. */
  readonly expiresAt: Micros;
}

/** The lease of a workflow task, with what was fixed at its start. */
export interface WorkflowTaskLease extends Lease {
  /** Id of its WorkflowTaskStarted; provisional for a transient attempt. */
  readonly startedEventId: number;
  readonly historyLength: number;
  readonly historyBytes: number;
  readonly suggestContinueAsNew: boolean;
}

/** A pending activity. Kept as JSON: plain values alone, but for `lastFailure` and `heartbeat`. */
export interface ActivityState {
  readonly seq: number;
  readonly activityId: string;
  readonly activityType: string;
  readonly taskQueue: string;
  readonly priority: number;
  readonly scheduledEventId: number;
  readonly scheduledAt: Micros;
  readonly startToCloseMs: number;
  readonly scheduleToStartMs: number | undefined;
  readonly heartbeatMs: number | undefined;
  /** When all attempts must have ended: schedule-to-close, clamped to the run's end. */
  readonly expiresAt: Micros | undefined;
  readonly retry: RetryRule;
  /** The attempt that runs or comes next, from 1. */
  readonly attempt: number;
  /** When this attempt became, or becomes, ready. Later than now: it backs off. */
  readonly readyAt: Micros;
  /** Its place in the queue, if it has a row among the ready tasks. */
  readonly readyPosition: Micros | undefined;
  /** Grows with every start; fences the lease. */
  readonly epoch: number;
  /** Who runs it. Undefined: nobody. Its `expiresAt` is that of start-to-close. */
  readonly lease: Lease | undefined;
  /** The ActivityCancelRequested event. Undefined: not requested. 0: requested, its event is buffered. */
  readonly cancelRequestedEventId: number | undefined;
  readonly lastFailure: Failure | undefined;
  /** The lease epoch of the last attempt that its worker failed: a repeat of that call is known by it. Unset: none. */
  readonly failedEpoch?: number;
  /** The last heartbeat, from a table of its own, as of when the state was loaded. */
  readonly heartbeat: Heartbeat | undefined;
}

/** A heartbeat of an activity. */
export interface Heartbeat {
  /** The lease epoch it came under. */
  readonly epoch: number;
  readonly at: Micros;
  readonly details: Payload | undefined;
}

/** A retry policy with every field filled in. */
export interface RetryRule {
  readonly initialMs: number;
  readonly coefficient: number;
  readonly maximumMs: number;
  /** 0: no limit. */
  readonly maximumAttempts: number;
  readonly nonRetryableTypes: readonly string[];
  /** From 0 to 1. */
  readonly jitter: number;
}

/** A pending timer. */
export interface TimerState {
  readonly seq: number;
  readonly scheduledEventId: number;
  readonly fireAt: Micros;
}

/** A child that has not ended. Kept as JSON: plain values alone. */
export interface ChildState extends RunAddress {
  readonly seq: number;
  readonly initiatedEventId: number;
  /** The ChildWorkflowStarted event. Undefined: it has not started. 0: it has, the event is buffered. */
  readonly startedEventId: number | undefined;
  readonly namespaceId: string;
  readonly workflowType: string;
  readonly parentClosePolicy: ParentClosePolicy;
  /** The run that started it and its event there, by which the child names its parent: an earlier run of the chain if that one kept its children. */
  readonly startedBy: { readonly runId: string; readonly initiatedEventId: number };
}

/** A signal or cancellation that was sent to another run and is not answered yet. Kept as JSON: plain values alone. */
export interface ExternalRequestState {
  readonly seq: number;
  readonly initiatedEventId: number;
  readonly kind: "signal" | "cancel";
  readonly target: RunAddress;
  /** The run that sent it, which a reset left. Unset: this one. */
  readonly sentBy?: string;
}

/** What one run tells another: delivered once, and in the order in which the sender sent it. */
export interface Message {
  /** Who sends it. With `number` it is the message's name. */
  readonly sender: MessageSender;
  /** Counts the messages of the sender, from 1. The answer to message n, which may have no run to send it, is named -n of the same sender. */
  readonly number: number;
  readonly receiver: MessageReceiver;
  readonly sentAt: Micros;
  /** What is told, as an event: that by which the sender records it, or that by which the receiver will. */
  readonly event: HistoryEvent;
}

/** Whom a message is from. */
export interface MessageSender extends RunAddress {
  readonly namespaceId: string;
  /** The run at the top of its chain of parents. Unset: itself. */
  readonly root?: RunAddress;
  /** To a child: the run that started it, if that is an earlier one of the chain, by which the child knows its parent. */
  readonly knownAs?: string;
}

/** Whom a message is for. */
export interface MessageReceiver {
  readonly namespaceId: string;
  /** For a schedule: its id. */
  readonly workflowId: string;
  /** Whether it is for a schedule, and not for a run. */
  readonly isSchedule?: boolean;
  /** Empty: the run that is open when it arrives. */
  readonly runId: string;
}

/** An event that has no id yet. */
export interface BufferedEvent {
  /** Its place among the buffered ones of the run; never used again within it. */
  readonly position: number;
  /** With event id 0. An outcome whose Started is buffered right before it refers to it by started event id 0. */
  readonly event: HistoryEvent;
}

/** What a key is for. */
export type RunKeyKind = "signal" | "cancel" | "terminate" | "activity" | "seq" | "update";

/**
 * A key that was used, with what it did: the request ids of signals, cancels and terminations; by seq the final event of an activity with the
 * lease epoch it ended under, so that a repeated completion is known; by seq the event of a direct operation; and by id the event that tells how an
 * update ended.
 */
export interface RunKey {
  readonly kind: RunKeyKind;
  readonly key: string;
  /** The event that the call made; 0 while it is buffered. */
  readonly eventId: number;
  /** What tells a repeat from a reuse: a hash of the call's content, or a lease epoch. */
  readonly contentHash: string;
}

/** The name of a key within its run. */
export function runKeyId(kind: RunKeyKind, key: string): string {
  return `${kind}:${key}`;
}
