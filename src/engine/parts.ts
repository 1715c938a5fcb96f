/** What the operations and reads of the engine work with. */
import type { Limits } from "../core/limits.js";
import type { Context } from "../core/transition.js";
import type { Database } from "../store/database.js";
import type { Clock } from "./clock.js";
import type { GroupCommit } from "./commit/group-commit.js";
import type { Deletions } from "./deletions.js";
import type { ActivityTaskInit, WorkflowTaskInit } from "./deliver.js";
import type { Dispatch } from "./dispatch/dispatch.js";
import type { PollAnswers } from "./dispatch/poll-answers.js";
import type { EventReader } from "./event-reader.js";
import type { HeartbeatFlusher } from "./heartbeat-flusher.js";
import type { NamespaceCache } from "./namespace-cache.js";
import type { QueryDesk } from "./query-desk.js";
import type { QueueLoads } from "./queue-loads.js";
import type { Retention } from "./retention.js";
import type { RunWatch } from "./run-watch.js";
import type { ScheduleFires } from "./schedule-fires.js";
import type { SeenPolls } from "./seen-polls.js";
import type { StateCache } from "./state-cache.js";
import type { TaskTokens } from "./task-token.js";
import type { WorkerName } from "./worker-name.js";
import type { WorkerRegistry } from "./worker-registry.js";

/** The parts of one engine. */
export interface EngineParts {
  readonly database: Database;
  readonly cache: StateCache;
  readonly clock: Clock;
  readonly events: EventReader;
  readonly tokens: TaskTokens;
  readonly limits: Limits;
  /** What decisions are given of the world, but for the time and the polls that wait. */
  readonly context: Omit<Context, "now" | "takePoller">;
  /** The largest request and response, in bytes. */
  readonly maxRequestBytes: number;
  readonly commit: GroupCommit;
  readonly dispatch: Dispatch;
  readonly workflowPolls: PollAnswers<readonly WorkflowTaskInit[]>;
  readonly activityPolls: PollAnswers<readonly ActivityTaskInit[]>;
  readonly watch: RunWatch;
  readonly namespaces: NamespaceCache;
  readonly workers: WorkerRegistry;
  readonly heartbeats: HeartbeatFlusher;
  readonly queries: QueryDesk;
  readonly deletions: Deletions;
  readonly retention: Retention;
  readonly scheduleFires: ScheduleFires;
  /** Whether no other server works on the database, as far as is known. */
  isAlone(): boolean;
  readonly queueLoads: QueueLoads;
  readonly seenPolls: SeenPolls;
  /** Tells the other servers that a worker takes no more tasks. */
  tellDraining(worker: WorkerName): void;
  /** Reports a fault that nobody else will report. */
  fault(message: string, error: unknown): void;
}
