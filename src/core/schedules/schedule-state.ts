/** What is known of a schedule. States are immutable: a decision returns a new one, or the very one that it was given. */
import type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
import type { OverlapPolicy, ScheduleDefinition } from "../../../gen/pawl/v1/schedule_pb.js";
import type { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import type { Message, Micros } from "../run-state.js";
import type { Context, HandedTask, RunStep } from "../transition.js";

/** Names a schedule. */
export interface ScheduleName {
  readonly namespaceId: string;
  readonly scheduleId: string;
}

/** A schedule. */
export interface ScheduleState extends ScheduleName {
  /** The name of the namespace. */
  readonly namespace: string;
  /** Grows by one with every write: the guard of the writes. */
  readonly version: number;
  /** Grows with every change that a caller makes. */
  readonly revision: number;
  readonly definition: ScheduleDefinition;
  readonly createdAt: Micros;
  readonly updatedAt: Micros;
  readonly progress: ScheduleProgress;
  /** What the last run has returned that has returned something. */
  readonly lastResult: Payload | undefined;
  /** When there is something to do next. Undefined: nothing, before something happens. */
  readonly nextFireAt: Micros | undefined;
}

/** How far a schedule has come. Kept as JSON: plain values alone. */
export interface ScheduleProgress {
  /** A UUID under which it sends messages, and how many it has sent. */
  readonly senderId: string;
  readonly messagesSent: number;
  /** The first time of its rules that has not been dealt with. Unset: there is none, or it is paused. */
  readonly nextScheduledAt?: Micros | undefined;
  /** The last time of its rules that has been dealt with; 0: none. */
  readonly lastScheduledAt: Micros;
  /** The time of a fire that waits for the open run to end. */
  readonly waitingAt?: Micros | undefined;
  /** Its runs that are open, the newest of them. */
  readonly openRuns: readonly OpenRun[];
  /** The last runs, newest first. */
  readonly lastRuns: readonly StartedRun[];
  /** Past ranges that it has yet to fire for. */
  readonly backfills: readonly Backfill[];
  readonly skippedCount: number;
  readonly missedCount: number;
}

/** A run that is open, with the runs that go on for it. */
export interface OpenRun {
  readonly workflowId: string;
  /** Whether it was asked to cancel. */
  readonly isCancelled?: boolean;
}

/** A run that the schedule has started. */
export interface StartedRun {
  readonly workflowId: string;
  readonly runId: string;
  readonly scheduledAt: Micros;
  readonly startedAt: Micros;
  /** How it has ended. Unset: it is open. */
  readonly status?: WorkflowStatus;
}

/** So many fires may be asked for in one backfill. */
export const mostBackfilled = 1_000;

/** A range of times to fire for, from the first that is left to the end, excluded. */
export interface Backfill {
  readonly nextAt: Micros;
  readonly endAt: Micros;
  readonly policy: OverlapPolicy;
  /** How many fires it makes at the most: no more than its caller was told, also under a later definition. Unset: it was stored before they were counted. */
  readonly left?: number;
}

/** What a decision about a schedule may know of the world. */
export interface ScheduleContext extends Context {
  /** Whether a workflow id is known to have been used. */
  isTaken(workflowId: string): boolean;
}

/** A change of a schedule, with the run that it starts. */
export interface ScheduleTransition<T> {
  /** Undefined: it is gone. The very state that was given: nothing changes. */
  readonly after: ScheduleState | undefined;
  /** The run that begins. Its workflow id must be new. */
  readonly started: RunStep | undefined;
  readonly handed: readonly HandedTask[];
  /** What its runs are told. */
  readonly messages: readonly Message[];
  /** Messages that take their effect with this. */
  readonly delivered: readonly Message[];
  readonly outcome: T;
}

/** So many of the last runs are shown. */
export const shownRuns = 10;
/** So many open runs are counted as such: with more, the oldest are let go of. */
export const mostOpenRuns = 1_000;
