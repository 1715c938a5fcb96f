/**
 * Group commit: operations that arrive together are decided together and written by one statement.
 *
 * An operation waits in memory until a write connection is free. A flush takes what is there, loads the states that are not cached, lets core decide,
 * writes all units in one statement, and only then answers. While a statement is in flight the next batch collects, so that a lone call waits for
 * nothing and a busy server batches by itself.
 *
 * What was decided on a cached state and came out as a refusal, or as nothing to do, is decided again on a state loaded after the call arrived: only a
 * guarded write may rest on a guess.
 */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../../core/errors.js";
import type { Workflow } from "../../core/run-state.js";
import type { Context, HandedTask, Poller, TaskOffer } from "../../core/transition.js";
import { DataError, LockTimeoutError, type Queryable } from "../../store/database.js";
import type { Unit } from "../../store/unit.js";
import { type BatchWriter, openBatchWriter, type UnitResult } from "./batch-writer.js";
import { decideAll } from "./decide.js";
import { decideSchedules } from "./decide-schedules.js";
import type { Operation } from "./operation.js";
import { openOperationQueue } from "./operation-queue.js";
import { type AnyPending, scheduleKey, workflowKey } from "./pending.js";
import { readStates, type StateSources } from "./read-states.js";
import type { ScheduleOperation } from "./schedule-operation.js";
import { type Prepared, writeInSlowLane } from "./slow-lane.js";
import { finishUnit, type UnitDraft } from "./unit-draft.js";

/** Writes operations. */
export interface GroupCommit {
  /** Resolves with the outcome once it is committed; rejects with the refusal. */
  submit<T>(operation: Operation<T>): Promise<T>;
  /** The same for an operation on a schedule. */
  submitToSchedule<T>(operation: ScheduleOperation<T>): Promise<T>;
  waiting(): number;
  /** How many workflow ids are being written. */
  busyIds(): number;
  /** Refuses what comes, but for what the server itself owes. */
  refuseNew(): void;
  /** Writes what waits, refuses all that comes, and resolves when nothing is in flight. */
  stop(): Promise<void>;
}

/** What is told of every unit that was committed. */
export interface CommittedUnit {
  readonly unit: Unit;
  readonly after: Workflow;
  readonly handed: readonly HandedTask[];
}

/** What group commit works with. */
export interface GroupCommitParts extends StateSources {
  readonly maxWaiting: number;
  readonly maxBatchOperations: number;
  /** All of a context but its time and its pollers. */
  readonly context: Omit<Context, "now" | "takePoller">;
  /** Asks for a waiting poll; it is reserved until the task is committed or released. */
  takePoller(task: TaskOffer): Poller | undefined;
  /** A task that was promised to a poll was not made after all. */
  released(pollId: string): void;
  committed(unit: CommittedUnit): void;
  /** A fault that nobody else will report. */
  fault(message: string, error: unknown): void;
}

/** Operations that lost this often go to the slow lane. */
const patience = 2;
/** Fewer operations than this are not shared out: a batch costs about as much as so many operations. */
const smallBatch = 32;
const maxBatchBytes = 4 * 1024 * 1024;
/** What operations that wait may hold in memory, beside the bound on their number. */
const maxWaitingBytes = 256 * 1024 * 1024;
/** How many ids are in the slow lane at once; its connections are no more. */
const slowLanes = 2;

type FinishedUnit = ReturnType<typeof finishUnit> & {
  readonly draft: UnitDraft;
  readonly items: readonly AnyPending[];
};

/** Opens group commit over the write connections of a database. */
export function openGroupCommit(parts: GroupCommitParts): GroupCommit {
  return new Committer(parts);
}

class Committer implements GroupCommit {
  private readonly queue = openOperationQueue<AnyPending>();
  private readonly writer: BatchWriter;
  private readonly idle: Queryable[];
  private readonly inFlight = new Set<Promise<void>>();
  /** Ids whose operations keep losing. */
  private readonly slow = new Set<string>();
  private slowInFlight = 0;
  private isScheduled = false;
  private isRefusing = false;
  private isStopping = false;

  constructor(private readonly parts: GroupCommitParts) {
    this.writer = openBatchWriter({ ...parts, isStopping: () => this.isStopping });
    this.idle = [...parts.database.write];
  }

  submit<T>(operation: Operation<T>): Promise<T> {
    const mustLoad = operation.needsFresh ?? false;
    return this.enqueue(operation, (calls) => ({
      ...calls,
      ...{ kind: "workflow", key: workflowKey(operation), operation, mustLoad },
    }));
  }

  submitToSchedule<T>(operation: ScheduleOperation<T>): Promise<T> {
    return this.enqueue(operation, (calls) => ({
      ...calls,
      ...{ kind: "schedule", key: scheduleKey(operation), operation, mustLoad: true },
    }));
  }

  private enqueue<T>(
    { bytes, isOwed = false }: { readonly bytes: number; readonly isOwed?: boolean },
    pendingOf: (calls: Pick<AnyPending, "resolve" | "reject" | "bytes" | "lost">) => AnyPending,
  ): Promise<T> {
    const { maxWaiting } = this.parts;
    if (this.isStopping || (this.isRefusing && !isOwed)) return Promise.reject(shuttingDown());
    const isFull = this.queue.size() >= maxWaiting || this.queue.bytes() >= maxWaitingBytes;
    if (isFull && !isOwed) return Promise.reject(serverBusy(this.queue.size()));
    return new Promise<T>((resolve, reject) => {
      this.queue.add(pendingOf({ resolve: (outcome) => resolve(outcome as T), reject, bytes, lost: 0 }));
      this.schedule();
    });
  }

  waiting(): number {
    return this.queue.size();
  }

  busyIds(): number {
    return this.queue.busyKeys();
  }

  refuseNew(): void {
    this.isRefusing = true;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    while (this.inFlight.size > 0 || this.queue.size() > 0) {
      this.pump();
      await (this.inFlight.size > 0 ? Promise.race(this.inFlight) : nextTurn());
    }
  }

  private schedule(): void {
    this.parts.metrics.waitingOperations(this.queue.size());
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.pump();
    });
  }

  private pump(): void {
    for (const key of this.slow) this.writeSlowly(key);
    for (let connection = this.idle.pop(); connection !== undefined; connection = this.idle.pop()) {
      const items = this.queue.take(this.batchSize(), maxBatchBytes);
      const used = connection;
      if (items.length === 0) {
        this.idle.push(used);
        return;
      }
      this.track(this.flush(used, items), items, () => this.idle.push(used));
    }
  }

  /**
   * What waits is shared among the free connections. Callers that wait for each other in turns would otherwise all move in one batch, and server,
   * database and workers would take turns as well instead of working at the same time.
   */
  private batchSize(): number {
    const share = Math.ceil(this.queue.size() / (this.idle.length + 1));
    return Math.min(this.parts.maxBatchOperations, Math.max(share, smallBatch));
  }

  private writeSlowly(key: string): void {
    if (!this.queue.isKnown(key)) this.slow.delete(key);
    if (this.slowInFlight >= slowLanes) return;
    const items = this.queue.takeKey(key);
    if (items.length === 0) return;
    this.slow.delete(key);
    this.slowInFlight++;
    for (const item of items) item.mustLoad = true;
    const { database } = this.parts;
    const work = writeInSlowLane({ database, writer: this.writer }, items, () => this.prepare(items));
    this.track(work, items, () => {
      this.slowInFlight--;
    });
  }

  /** Sees work to its end. It fails only before anything was decided; then its error is that of every operation in it. */
  private track(work: Promise<void>, items: readonly AnyPending[], done: () => void): void {
    const tracked = work
      .catch((error: unknown) => {
        if (error instanceof LockTimeoutError && !this.isStopping) this.decideAgain(items, 1);
        else for (const item of items) item.reject(error);
      })
      .finally(() => {
        for (const key of new Set(items.map((item) => item.key))) this.queue.release(key);
        this.inFlight.delete(tracked);
        done();
        this.schedule();
      });
    this.inFlight.add(tracked);
  }

  private async flush(connection: Queryable, items: readonly AnyPending[]): Promise<void> {
    const prepared = await this.prepare(items);
    if (prepared.units.length === 0) return;
    prepared.conclude(await this.writer.write(connection, prepared.units, prepared.operations));
  }

  private async prepare(items: readonly AnyPending[]): Promise<Prepared> {
    const { parts } = this;
    const deciding = {
      contextFor: ({ isDue }: { readonly isDue?: boolean }) => ({
        ...parts.context,
        now: isDue ? parts.clock.earliest() : parts.clock.latest(),
      }),
      takePoller: parts.takePoller,
      released: parts.released,
    };
    const ofWorkflows = items.filter((item) => item.kind === "workflow");
    const ofSchedules = items.filter((item) => item.kind === "schedule");
    const states = await readStates(parts, ofWorkflows);
    const schedules = await decideSchedules({ ...parts, ...deciding }, ofSchedules);
    const workflows = decideAll(deciding, ofWorkflows, states);
    const drafts = [...workflows.drafts, ...schedules.drafts];
    const outcomes = new Map([...workflows.outcomes, ...schedules.outcomes]);
    const again = [...workflows.again, ...schedules.again];
    this.decideAgain(again, 0);
    const itemsOf = groupByKey(outcomes.keys());
    const finished: FinishedUnit[] = drafts.map((draft) => {
      return { draft, ...finishUnit(draft), items: itemsOf.get(draft.key) ?? [] };
    });
    return {
      units: finished.map(({ unit }) => unit),
      operations: outcomes.size,
      conclude: (results) => {
        finished.forEach((unit, index) => {
          this.conclude(unit, outcomes, results[index] ?? "lost");
        });
        parts.metrics.cacheSize(parts.cache.entries(), parts.cache.bytes());
      },
    };
  }

  private conclude(
    finished: FinishedUnit,
    outcomes: ReadonlyMap<AnyPending, unknown>,
    result: UnitResult,
  ): void {
    const { draft, unit, after, newEvents, items } = finished;
    if (result === "won") {
      try {
        if (unit.runs.length > 0) this.parts.cache.keep(after, newEvents);
        this.parts.committed({ unit, after, handed: draft.handed });
      } catch (error) {
        this.parts.fault("what follows from a written batch could not be done", error);
      }
      for (const item of items) item.resolve(outcomes.get(item));
      return;
    }
    this.giveUp(finished);
    if (result === "lost") this.decideAgain(items, 1);
    else if (result.error instanceof DataError) this.isolate(items, result.error);
    else for (const item of items) item.reject(result.error);
  }

  /** A unit was not written: what was believed of it is forgotten, and polls that were promised its tasks wait on. */
  private giveUp({ draft, unit }: FinishedUnit): void {
    this.parts.cache.drop(unit.namespaceId, unit.workflowId);
    for (const pollId of draft.reserved) this.parts.released(pollId);
  }

  /** Decides again on states loaded anew; what has lost too often takes the slow lane. */
  private decideAgain(items: readonly AnyPending[], losses: number): void {
    for (const item of items) {
      item.mustLoad = true;
      item.lost += losses;
      if (item.lost >= patience) this.slow.add(item.key);
    }
    this.queue.addFirst(items);
  }

  /** One of these operations has data that the database refuses: it is found by writing each alone. */
  private isolate(items: readonly AnyPending[], error: unknown): void {
    const [only] = items;
    if (items.length > 1 || only === undefined) {
      for (const item of items) this.queue.add({ ...item, bytes: maxBatchBytes });
      return;
    }
    if (only.kind !== "schedule" || only.operation.tellsFaults !== true)
      this.parts.fault("an operation could not be stored", error);
    only.reject(new NotStoredError(error));
  }
}

/** An operation has data that the database refuses. */
export class NotStoredError extends RefusedError {
  constructor(override readonly cause: unknown) {
    super(ErrorReason.INTERNAL, "the operation could not be stored; the server's log has the cause");
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function groupByKey(items: Iterable<AnyPending>): Map<string, AnyPending[]> {
  const groups = new Map<string, AnyPending[]>();
  for (const item of items) {
    const group = groups.get(item.key);
    if (group === undefined) groups.set(item.key, [item]);
    else group.push(item);
  }
  return groups;
}

function serverBusy(limit: number): RefusedError {
  return new RefusedError(
    ErrorReason.SERVER_BUSY,
    `the server has ${limit} operations waiting, as many as it may: try again with back-off`,
    {
      limit: String(limit),
    },
  );
}

function shuttingDown(): RefusedError {
  return new RefusedError(ErrorReason.SHUTTING_DOWN, "the server is shutting down: try again");
}
