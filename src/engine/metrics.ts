/** What the engine counts, told as it happens; who listens decides what becomes of it. */

/** Whether something concerns workflow tasks or activities. */
export type MetricKind = "workflow" | "activity";

/** A statement that wrote a batch. */
export interface BatchWritten {
  /** How many operations it answered. */
  readonly operations: number;
  /** How many units it wrote. */
  readonly units: number;
  /** How many units lost against another writer and go on to a later batch. */
  readonly lost: number;
  /** How long it took, commit included. */
  readonly ms: number;
}

/** Takes what the engine has to tell. The functions return at once and never throw. */
export interface EngineMetrics {
  batchWritten(batch: BatchWritten): void;
  /** How many operations wait to be written now. */
  waitingOperations(count: number): void;
  /** How many polls wait on this server now. */
  pollers(kind: MetricKind, count: number): void;
  /** How many ready tasks nobody has taken, as last seen. */
  readyTasks(kind: MetricKind, count: number): void;
  leaseExpired(kind: MetricKind): void;
  /** The state of a run was looked for in the cache. */
  cacheLookup(isHit: boolean): void;
  cacheSize(entries: number, bytes: number): void;
}

/** Listens to nothing. */
export const noMetrics: EngineMetrics = {
  batchWritten: () => {},
  waitingOperations: () => {},
  pollers: () => {},
  readyTasks: () => {},
  leaseExpired: () => {},
  cacheLookup: () => {},
  cacheSize: () => {},
};
