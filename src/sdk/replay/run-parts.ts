/** What a run in memory consists of. */
import type { WorkflowStarted } from "../../../gen/pawl/v1/event_pb.js";
import type { WorkflowLogger } from "../workflow/logger.js";
import type { PendingActivity } from "./activities.js";
import type { Attributes } from "./attributes.js";
import type { Child } from "./children.js";
import type { CommandLog } from "./command-log.js";
import type { Conditions } from "./conditions.js";
import type { HandlerRuns } from "./handler-runs.js";
import type { LocalStep } from "./local-steps.js";
import type { QueryHandler } from "./queries.js";
import type { CodeGlobals } from "./regions.js";
import type { Signals } from "./signals.js";
import type { TimerEnd } from "./timers.js";
import type { UpdateHandler } from "./updates.js";
import type { Wait, Waits } from "./waits.js";

/** The parts of a run in memory. */
export interface RunParts {
  readonly log: CommandLog;
  readonly waits: Waits;
  readonly logger: WorkflowLogger;
  readonly conditions: Conditions;
  readonly signals: Signals;
  readonly handlerRuns: HandlerRuns;
  /** By name. */
  readonly queries: Map<string, QueryHandler>;
  /** By name. */
  readonly updates: Map<string, UpdateHandler>;
  /** What waits for the outcome of an activity, by its seq. */
  readonly activities: Map<number, PendingActivity>;
  /** What the end of a timer sets off, by its seq. */
  readonly timers: Map<number, TimerEnd>;
  /** By the seq of the command that started it. */
  readonly children: Map<number, Child>;
  /** What waits for the delivery of a request to another workflow, by its seq. */
  readonly requests: Map<number, Wait<void>>;
  /** The local steps that have not ended for their code, in the order in which they began. */
  readonly locals: LocalStep[];
  /** Whether the run has taken a patch, by its id, as far as it was asked. */
  readonly patches: Map<string, boolean>;
  readonly attributes: Attributes;
  readonly started: WorkflowStarted;
  readonly startTime: Date;
  /** What the globals of its code are made of. */
  readonly globals: CodeGlobals;
  /** A random number from 0 up to 1, the same again on replay. */
  random(): number;
}
