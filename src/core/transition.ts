/** What a transition takes and gives. */
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { Limits } from "./limits.js";
import type { Message, Micros, Pointer, RunState } from "./run-state.js";

/** What a transition may know of the world: all of it given, so that the same arguments always decide the same. */
export interface Context {
  /** The time it is decided at. */
  readonly now: Micros;
  readonly limits: Limits;
  /** Makes a run id for a workflow id: a UUIDv7 with twelve bits of a hash of namespace and workflow id. */
  newRunId(namespaceId: string, workflowId: string): string;
  /** The id of a namespace by its name. Undefined: there is none. */
  namespaceId(name: string): string | undefined;
  /** A number from 0 (included) to 1 (excluded), for jitter. */
  random(): number;
  /** Asks for a worker that waits for such a task on this server. What it answers is taken: the transition must give the task to it. */
  takePoller(task: TaskOffer): Poller | undefined;
}

/** A task that is ready. */
export interface TaskOffer {
  readonly kind: "workflow" | "activity";
  readonly namespaceId: string;
  readonly taskQueue: string;
  /** Type of the workflow, or of the activity. */
  readonly type: string;
  readonly runId: string;
  /** A worker that should have it, since it has the run cached; empty if none. */
  readonly stickyWorkerId: string;
  readonly historyLength: number;
}

/** A worker's poll, as far as a lease records it. */
export interface Poller {
  readonly workerId: string;
  readonly identity: string;
  readonly principal: string;
  readonly pollId: string;
  /** Whether the worker keeps runs in memory. */
  readonly isCaching: boolean;
}

/** Who makes a call. */
export interface Caller {
  /** Who it is, as it names itself. */
  readonly identity: string;
  /** Who it is, as authenticated; empty without authentication. */
  readonly principal: string;
}

/** An event with its bytes as they are stored. */
export interface RecordedEvent {
  readonly event: HistoryEvent;
  readonly bytes: Uint8Array;
}

/** A task that a transition has given to a poller; it goes out once the transition is committed. */
export interface HandedTask {
  readonly kind: "workflow" | "activity";
  readonly pollId: string;
  readonly runId: string;
  /** For an activity: its seq. */
  readonly seq: number;
  /** The epoch of the lease. */
  readonly epoch: number;
}

/** A change of one run. With nothing to change, `after` is the very state that was given, and there are no events. */
export interface RunTransition<T> {
  readonly after: RunState;
  readonly events: readonly RecordedEvent[];
  readonly handed: readonly HandedTask[];
  /** What other runs are told. */
  readonly messages: readonly Message[];
  /** The run that begins in this one's place. */
  readonly next: RunTransition<void> | undefined;
  readonly outcome: T;
}

/** A change that may open runs and move the pointer of a workflow id. */
export interface WorkflowTransition<T> {
  /** The runs that change or begin, in this order. */
  readonly runs: readonly RunStep[];
  /** The pointer from now on. Undefined: as before. */
  readonly pointer: Pointer | undefined;
  readonly handed: readonly HandedTask[];
  /** What other runs are told. */
  readonly messages: readonly Message[];
  /** Messages that take their effect with this. */
  readonly delivered?: readonly Message[];
  readonly outcome: T;
}

/** The step of one run. */
export interface RunStep {
  /** Undefined: the run begins. */
  readonly before: RunState | undefined;
  readonly after: RunState;
  readonly events: readonly RecordedEvent[];
  /** The history that it begins with, which has been copied from another run before: that run, and its last event that counts. */
  readonly copied?: { readonly runId: string; readonly throughEventId: number };
}
