/** Puts the engine together over a database. */
import { randomInt, randomUUID } from "node:crypto";
import { RefusedError } from "../core/errors.js";
import type { Limits } from "../core/limits.js";
import type { Micros, RunState } from "../core/run-state.js";
import { isClosedStatus } from "../core/status.js";
import type { Context } from "../core/transition.js";
import type { QueueName } from "../store/claim.js";
import type { Database } from "../store/database.js";
import { readIncarnation } from "../store/incarnation.js";
import type { QueryRow } from "../store/queries.js";
import { type Clock, openClock } from "./clock.js";
import { type CommittedUnit, type GroupCommit, openGroupCommit } from "./commit/group-commit.js";
import { type DeletionParts, openDeletions } from "./deletions.js";
import { type Deliveries, openDeliveries } from "./deliveries.js";
import { type Dispatch, type HeldPolls, openDispatch } from "./dispatch/dispatch.js";
import { openPollAnswers } from "./dispatch/poll-answers.js";
import { type DueRuns, openDueRuns } from "./due-runs.js";
import type { Engine } from "./engine.js";
import { openEventReader } from "./event-reader.js";
import { openHeartbeatFlusher } from "./heartbeat-flusher.js";
import type { Logger } from "./logger.js";
import type { EngineMetrics } from "./metrics.js";
import { type NamespaceCache, openNamespaceCache } from "./namespace-cache.js";
import { returnGivenTask } from "./operations/polls.js";
import { startClaimedTask } from "./operations/start-task.js";
import { endDrainedPolls } from "./operations/workers.js";
import { bindOperations } from "./operations.js";
import type { EngineParts } from "./parts.js";
import { openPeers, type PeerHearers, type Peers } from "./peers.js";
import { openQueryDesk, type QueryDesk, type QueryDeskParts } from "./query-desk.js";
import { openQueueLoads, type QueueLoadParts } from "./queue-loads.js";
import { openQueueTraffic, type QueueTraffic } from "./queue-traffic.js";
import { findEnding } from "./reads/find-ending.js";
import { findRun } from "./reads/find-run.js";
import { announceReady } from "./ready-changes.js";
import { openRetention, type RetentionParts } from "./retention.js";
import { makeRunId } from "./run-id.js";
import { openRunWatch, type RunWatch } from "./run-watch.js";
import { openScheduleFires, type ScheduleFires } from "./schedule-fires.js";
import { openSeenPolls } from "./seen-polls.js";
import { openStateCache } from "./state-cache.js";
import { openTaskTokens } from "./task-token.js";
import { openUpkeep, type Upkeep } from "./upkeep.js";
import { openWorkerRegistry } from "./worker-registry.js";

/** How an engine is set up. */
export interface EngineOptions {
  readonly database: Database;
  readonly limits: Limits;
  readonly maxRequestBytes: number;
  readonly maxWaitingOperations: number;
  readonly maxBatchOperations: number;
  readonly cacheBytes: number;
  readonly metrics: EngineMetrics;
  readonly logger: Logger;
  /** The database's clock. Default: the real one; tests bring one that they move. */
  readonly clock?: Clock;
}

/** A running engine. */
export interface OpenEngine {
  readonly operations: Engine;
  /** What the loops do from time to time. */
  readonly upkeep: Upkeep;
  held(): Held;
  /** Ends open polls, writes what waits and refuses what comes. The database stays open. */
  stop(): Promise<void>;
}

/** What an engine holds in memory: all of it bounded. */
export interface Held extends HeldPolls {
  readonly waitingOperations: number;
  /** Workflow ids that are being written. */
  readonly busyIds: number;
  /** Questions that are not answered. */
  readonly queries: number;
  /** Calls that wait for a run. */
  readonly runWaits: number;
  readonly dueRuns: number;
  readonly dueSchedules: number;
  readonly cachedRuns: number;
  readonly cachedBytes: number;
}

/** At most so many runs are woken from memory, the others from the database. */
const maxDueRuns = 200_000;

/** Opens an engine. The database must have the schema. */
export async function openEngine(options: EngineOptions): Promise<OpenEngine> {
  const { database, limits, metrics, logger } = options;
  const clock = options.clock ?? openClock();
  const incarnation = await meet(database, clock);
  const cache = openStateCache(options.cacheBytes);
  const namespaces = openNamespaceCache(database);
  const watch = openRunWatch();
  const due = openDueRuns(maxDueRuns);
  const serverId = randomUUID();
  const traffic = openQueueTraffic(() => clock.latest() / 1_000);
  const fault = (message: string, error: unknown) => logger.error(message, { error });
  const context = contextOf(limits, clock, namespaces);
  const commit: GroupCommit = openGroupCommit({
    database,
    cache,
    clock,
    metrics,
    maxWaiting: options.maxWaitingOperations,
    maxBatchOperations: options.maxBatchOperations,
    context,
    takePoller: (task) => dispatch.takePoller(task),
    released: (pollId) => dispatch.released(pollId),
    committed: (unit) =>
      tellOfUnit(unit, { dispatch, watch, due, peers, deliveries, traffic, scheduleFires }),
    fault,
  });
  const scheduleFires = openScheduleFires({ read: database.read, clock, commit, fault, warn: logger.warn });
  const deliveries = openDeliveries({
    commit,
    findEnding: (first) => findEnding(parts, first),
    advanceSchedule: scheduleFires.advance,
    fault,
  });
  const dispatch: Dispatch = openTaskDispatch({ database, metrics, clock, commit, fault }, () => ({
    parts,
    peers,
  }));
  const parts: EngineParts = {
    database,
    cache,
    clock,
    events: openEventReader(database, cache),
    tokens: openTaskTokens(incarnation),
    limits,
    context,
    maxRequestBytes: options.maxRequestBytes,
    commit,
    dispatch,
    ...answersOfPolls(clock),
    watch,
    namespaces,
    ...hearingWorkers(database, clock),
    queries: openQueries(
      { database, dispatch, watch, fault },
      () => peers,
      (row) => findRun(parts, row),
    ),
    ...removingRuns({ database, cache, watch, clock, namespaces }, () => peers),
    scheduleFires,
    isAlone: () => peers.isAlone(),
    ...tellingOfQueues({ database, serverId, dispatch, traffic }, () => clock.latest()),
    tellDraining: (worker) => peers.tellDraining(worker),
    fault,
  };
  const peers = await openPeers(database, serverId, hearersOf(parts));
  return assemble({ parts, due, peers, deliveries, metrics });
}

/** Opens the dispatch of tasks. It is made before the parts by which it returns tasks, and the peers that it tells of them. */
function openTaskDispatch(
  {
    database,
    metrics,
    clock,
    commit,
    fault,
  }: Pick<EngineParts, "database" | "clock" | "commit" | "fault"> & Pick<EngineOptions, "metrics">,
  late: () => { readonly parts: EngineParts; readonly peers: Peers },
): Dispatch {
  const dispatch: Dispatch = openDispatch({
    database,
    metrics,
    now: () => clock.latest(),
    async startTask(...claim) {
      const { handed, found } = await startClaimedTask(commit, ...claim);
      if (handed !== undefined && found !== undefined) dispatch.given(handed, found);
      return handed;
    },
    returnTask: (kind, task) => returnGivenTask(late().parts, kind, task),
    isReady: (...ready) => announce({ dispatch, peers: late().peers }, ...ready),
    fault,
  });
  return dispatch;
}

/** Tells those who wait here, and the other servers, that a queue has a task. */
function announce(
  { dispatch, peers }: Pick<Told, "dispatch" | "peers">,
  queue: QueueName,
  position: Micros,
): void {
  dispatch.madeReady(queue, position);
  peers.tellReady(queue);
}

/** Looks which life of the database this is, and at its clock. */
async function meet(database: Database, clock: Clock): Promise<string> {
  const sentAt = clock.steadyNow();
  const { incarnation, now } = await readIncarnation(database.read);
  clock.observe(sentAt, clock.steadyNow(), now);
  return incarnation;
}

function answersOfPolls(clock: Clock): Pick<EngineParts, "workflowPolls" | "activityPolls"> {
  const nowMs = () => clock.latest() / 1_000;
  return {
    workflowPolls: openPollAnswers({ empty: [], nowMs }),
    activityPolls: openPollAnswers({ empty: [], nowMs }),
  };
}

function hearingWorkers(database: Database, clock: Clock): Pick<EngineParts, "workers" | "heartbeats"> {
  const now = () => clock.latest();
  return { workers: openWorkerRegistry(database, now), heartbeats: openHeartbeatFlusher(database, now) };
}

/** Opens what removes runs. It is made before the peers that it tells of them. */
function removingRuns(
  parts: Omit<DeletionParts, "tellGone"> & Omit<RetentionParts, "deletions">,
  peers: () => Peers,
): Pick<EngineParts, "deletions" | "retention"> {
  const deletions = openDeletions({ ...parts, tellGone: (runId) => peers().tellChanged(runId, true) });
  return { deletions, retention: openRetention({ ...parts, deletions }) };
}

function tellingOfQueues(
  parts: Omit<QueueLoadParts, "seenPolls">,
  now: () => Micros,
): Pick<EngineParts, "queueLoads" | "seenPolls"> {
  const seenPolls = openSeenPolls({ ...parts, now });
  return { seenPolls, queueLoads: openQueueLoads({ ...parts, seenPolls }) };
}

/** Opens the desk of queries. It is made before the peers that it tells of them, and before the parts by which it finds runs. */
function openQueries(
  parts: Pick<QueryDeskParts, "database" | "dispatch" | "watch" | "fault">,
  peers: () => Peers,
  find: (row: QueryRow) => Promise<RunState>,
): QueryDesk {
  return openQueryDesk({
    ...parts,
    peers: {
      isAlone: () => peers().isAlone(),
      tellAsked: (queryId) => peers().tellAsked(queryId),
      tellAnswered: (queryId) => peers().tellAnswered(queryId),
    },
    loadRun: (row) =>
      find(row).catch((error: unknown) => {
        // A run that is there no more has nothing to be asked.
        if (error instanceof RefusedError) return undefined;
        throw error;
      }),
  });
}

/** What is done with the hints of other servers. */
function hearersOf(parts: EngineParts): PeerHearers {
  const { dispatch, watch, queries, queueLoads, fault } = parts;
  const heard = (work: Promise<void>) =>
    void work.catch((error: unknown) => fault("a hint about a query could not be followed", error));
  return {
    asked: () => heard(queries.heardAsked()),
    answered: (queryIdTail) => heard(queries.heardAnswered(queryIdTail)),
    madeReady: (queueHash) => dispatch.madeReadyElsewhere(queueHash),
    changedTail: watch.changedTail,
    mayDrain: (workerHash) => void endDrainedPolls(parts, workerHash),
    load: queueLoads.publish,
    fault,
  };
}

interface Assembly {
  readonly parts: EngineParts;
  readonly due: DueRuns;
  readonly peers: Peers;
  readonly deliveries: Deliveries;
  readonly metrics: EngineMetrics;
}

function assemble({ parts, due, peers, deliveries, metrics }: Assembly): OpenEngine {
  const { dispatch, commit, watch, cache } = parts;
  let stopping: Promise<void> | undefined;
  return {
    operations: bindOperations(parts),
    upkeep: openUpkeep(parts, { due, peers, deliveries, metrics }),
    held: () => ({
      ...dispatch.held(),
      waitingOperations: commit.waiting(),
      busyIds: commit.busyIds(),
      queries: parts.queries.size(),
      runWaits: watch.size(),
      dueRuns: due.entries(),
      dueSchedules: parts.scheduleFires.size(),
      cachedRuns: cache.entries(),
      cachedBytes: cache.bytes(),
    }),
    stop() {
      stopping ??= stop(parts, peers);
      return stopping;
    },
  };
}

/** Polls end first, and give back what they can't deliver; then what waits is written. */
async function stop(parts: EngineParts, peers: Peers): Promise<void> {
  const { dispatch, commit } = parts;
  commit.refuseNew();
  dispatch.endAll();
  await Promise.all([parts.workflowPolls.whenIdle(), parts.activityPolls.whenIdle()]);
  await dispatch.whenIdle();
  await commit.stop();
  await peers.stop();
}

/** What decisions are given of the world, but for the time and the polls that wait. */
function contextOf(
  limits: Limits,
  clock: Clock,
  namespaces: NamespaceCache,
): Omit<Context, "now" | "takePoller"> {
  return {
    limits,
    namespaceId: (name) => namespaces.known(name)?.namespaceId,
    newRunId: (namespaceId, workflowId) => makeRunId(namespaceId, workflowId, clock.latest() / 1_000),
    random: () => randomInt(2 ** 31) / 2 ** 31,
  };
}

interface Told {
  readonly dispatch: Dispatch;
  readonly watch: RunWatch;
  readonly due: DueRuns;
  readonly peers: Peers;
  readonly deliveries: Deliveries;
  readonly traffic: QueueTraffic;
  readonly scheduleFires: ScheduleFires;
}

/** What follows from a unit that was committed: tasks go out, waiters look again, deadlines are noted, and ready tasks are announced. */
function tellOfUnit({ unit, handed }: CommittedUnit, told: Told): void {
  const { dispatch, watch, due, peers, deliveries, traffic, scheduleFires } = told;
  const schedule = unit.schedule?.after;
  if (schedule !== undefined) scheduleFires.note(schedule, schedule.nextFireAt);
  for (const { receiver } of unit.messages) void deliveries.deliverTo(receiver);
  for (const { before, after } of unit.runs) {
    const ofRun = handed.filter((task) => task.runId === after.runId);
    for (const task of ofRun) dispatch.given(task, after);
    traffic.note(before, after, ofRun);
    due.note(after, after.wakeupAt);
    announceReady(before, after, (queue, position) => announce(told, queue, position));
    const isClosed = isClosedStatus(after.status);
    watch.changed(after, isClosed);
    peers.tellChanged(after.runId, isClosed);
  }
}
