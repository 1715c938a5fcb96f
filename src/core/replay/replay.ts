/** A run's state while its history is gone through, event by event, to a point. */
import type { UpdateRequest } from "../../../gen/pawl/v1/task_pb.js";
import { beforeFirstEvent } from "../new-run.js";
import type {
  ActivityState,
  ChildState,
  ExternalRequestState,
  RunState,
  TimerState,
  UpdateState,
} from "../run-state.js";

/** How far a history was gone through. */
export interface Replay {
  /** The state that the events make, in all that history tells. What was fixed at the start is the run's own. */
  readonly run: { -readonly [K in keyof RunState]: RunState[K] };
  /** The maps of that state. */
  readonly activities: Map<number, ActivityState>;
  readonly timers: Map<number, TimerState>;
  readonly children: Map<number, ChildState>;
  readonly externalRequests: Map<number, ExternalRequestState>;
  readonly updates: Map<string, UpdateState>;
  /** The run that wrote the event at hand: the history of one that a reset made begins with the events of others. */
  writerRunId: string;
  /** The WorkflowTaskScheduled of the task that was started last; 0: none. */
  scheduledEventId: number;
  /** The newest SnapshotRecorded; 0: none. */
  snapshotEventId: number;
  readonly world: ReplayWorld;
}

/** What history does not tell. */
export interface ReplayWorld {
  /** The id of a namespace by its name. Undefined: there is none any more. */
  namespaceId(name: string): string | undefined;
  /** Tells repeats of an update from a reuse of its id. */
  updateHash(request: UpdateRequest): string;
}

/** Begins with the history of a run. */
export function beginReplay(run: RunState, world: ReplayWorld): Replay {
  const own = {
    activities: new Map<number, ActivityState>(),
    timers: new Map<number, TimerState>(),
    children: new Map<number, ChildState>(),
    externalRequests: new Map<number, ExternalRequestState>(),
    updates: new Map<string, UpdateState>(),
  };
  return {
    run: { ...run, ...beforeFirstEvent(), attributes: undefined, ...own },
    ...own,
    writerRunId: run.runId,
    scheduledEventId: 0,
    snapshotEventId: 0,
    world,
  };
}
