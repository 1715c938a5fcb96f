/** The bounds that a run keeps. Bytes are bytes as stored or sent. */
export interface Limits {
  readonly maxPayloadBytes: number;
  readonly maxEventBytes: number;
  /** Of heartbeat details, and of a failure; a longer failure is cut. */
  readonly maxDetailsBytes: number;
  readonly maxHistoryEvents: number;
  readonly maxHistoryBytes: number;
  /** From here on a run is advised to continue as new. */
  readonly warnHistoryEvents: number;
  readonly warnHistoryBytes: number;
  /** Of each kind: activities, timers, children, external requests, updates. */
  readonly maxPendingPerKind: number;
  /** Of a workflow task, where the start does not say otherwise. */
  readonly workflowTaskTimeoutMs: number;
}

/** The limits of the contract. */
export const defaultLimits: Limits = {
  maxPayloadBytes: 2 * 1024 * 1024,
  maxEventBytes: 3 * 1024 * 1024,
  maxDetailsBytes: 256 * 1024,
  maxHistoryEvents: 100_000,
  maxHistoryBytes: 100 * 1024 * 1024,
  warnHistoryEvents: 10_000,
  warnHistoryBytes: 10 * 1024 * 1024,
  maxPendingPerKind: 2_000,
  workflowTaskTimeoutMs: 10_000,
};
