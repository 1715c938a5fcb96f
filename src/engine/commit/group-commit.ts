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
import type { Queryable } from "../../store/database.js";
import type { Unit } from "../../store/unit.js";
import { type BatchWriter, openBatchWriter, type UnitResult } from "./batch-writer.js";
import { decideAll } from "./decide.js";
import type { Operation } from "./operation.js";
import { openOperationQueue } from "./operation-queue.js";
import { type Pending, workflowKey } from "./pending.js";
import { readStates, type StateSources } from "./read-states.js";
import { type Prepared, writeInSlowLane } from "./slow-lane.js";
import { finishUnit, type UnitDraft } from "./unit-draft.js";

/** Writes operations. */
export interface GroupCommit {
  /** Resolves with the outcome once it is committed; rejects with the refusal. */
  submit<T>(operation: Operation<T>): Promise<T>;
  waiting(): number;
  /** Writes what waits, refuses what comes, and resolves when nothing is in flight. */
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
const maxBatchBytes = 4 * 1024 * 1024;

type FinishedUnit = ReturnType<typeof finishUnit> & {
  readonly draft: UnitDraft;
  readonly items: readonly Pending[];
};

/** Opens group commit over the write connections of a database. */
export function openGroupCommit(parts: GroupCommitParts): GroupCommit {
  return new Committer(parts);
}

class Committer implements GroupCommit {
  private readonly queue = openOperationQueue<Pending>();
  private readonly writer: BatchWriter;
  private readonly idle: Queryable[];
  private readonly inFlight = new Set<Promise<void>>();
  /** Ids whose operations keep losing. */
  private readonly slow = new Set<string>();
  private isScheduled = false;
  private isStopping = false;

  constructor(private readonly parts: GroupCommitParts) {
    this.writer = openBatchWriter(parts);
    this.idle = [...parts.database.write];
  }

  submit<T>(operation: Operation<T>): Promise<T> {
    const { maxWaiting } = this.parts;
    if (this.isStopping) return Promise.reject(shuttingDown());
    if (this.queue.size() >= maxWaiting) return Promise.reject(serverBusy(maxWaiting));
    return new Promise<T>((resolve, reject) => {
      this.queue.add({
        key: workflowKey(operation),
        bytes: operation.bytes,
        operation,
        resolve: (outcome) => resolve(outcome as T),
        reject,
        lost: 0,
        mustLoad: operation.needsFresh ?? false,
      });
      this.schedule();
    });
  }

  waiting(): number {
    return this.queue.size();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    while (this.inFlight.size > 0 || this.queue.size() > 0) {
      this.pump();
      await Promise.race([...this.inFlight, new Promise((resolve) => setImmediate(resolve))]);
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
      const items = this.queue.take(this.parts.maxBatchOperations, maxBatchBytes);
      const used = connection;
      if (items.length === 0) {
        this.idle.push(used);
        return;
      }
      this.track(this.flush(used, items), items, () => this.idle.push(used));
    }
  }

  private writeSlowly(key: string): void {
    const items = this.queue.takeKey(key);
    if (items.length === 0) return;
    this.slow.delete(key);
    for (const item of items) item.mustLoad = true;
    const work = writeInSlowLane(this.parts.database, items, () => this.prepare(items));
    this.track(work, items, () => undefined);
  }

  /** Sees work to its end: an error is that of every operation in it that is not answered yet. */
  private track(work: Promise<void>, items: readonly Pending[], done: () => void): void {
    const tracked = work
      .catch((error: unknown) => {
        for (const item of items) item.reject(error);
      })
      .finally(() => {
        for (const key of new Set(items.map((item) => item.key))) this.queue.release(key);
        this.inFlight.delete(tracked);
        done();
        this.schedule();
      });
    this.inFlight.add(tracked);
  }

  private async flush(connection: Queryable, items: readonly Pending[]): Promise<void> {
    const prepared = await this.prepare(items);
    if (prepared.units.length === 0) return;
    let results: UnitResult[];
    try {
      results = await this.writer.write(connection, prepared.units, prepared.operations);
    } catch (error) {
      prepared.abandon();
      throw error;
    }
    prepared.conclude(results);
  }

  private async prepare(items: readonly Pending[]): Promise<Prepared> {
    const { parts } = this;
    const states = await readStates(parts, items);
    const { drafts, outcomes, again } = decideAll(
      {
        contextFor: ({ isDue }) => ({
          ...parts.context,
          now: isDue ? parts.clock.earliest() : parts.clock.latest(),
        }),
        takePoller: parts.takePoller,
        released: parts.released,
      },
      items,
      states,
    );
    this.decideAgain(again, 0);
    const itemsOf = groupByKey(outcomes.keys());
    const finished: FinishedUnit[] = drafts.map((draft) => {
      return { draft, ...finishUnit(draft), items: itemsOf.get(workflowKey(draft.base)) ?? [] };
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
      abandon: () => {
        for (const unit of finished) this.giveUp(unit);
      },
    };
  }

  private conclude(
    finished: FinishedUnit,
    outcomes: ReadonlyMap<Pending, unknown>,
    result: UnitResult,
  ): void {
    const { draft, unit, after, newEvents, items } = finished;
    if (result === "won") {
      this.parts.cache.keep(after, newEvents);
      this.parts.committed({ unit, after, handed: draft.handed });
      for (const item of items) item.resolve(outcomes.get(item));
      return;
    }
    this.giveUp(finished);
    if (result === "lost") this.decideAgain(items, 1);
    else this.isolate(items, result);
  }

  /** A unit was not written: what was believed of it is forgotten, and polls that were promised its tasks wait on. */
  private giveUp({ draft, unit }: FinishedUnit): void {
    this.parts.cache.drop(unit.namespaceId, unit.workflowId);
    for (const task of draft.handed) this.parts.released(task.pollId);
  }

  /** Decides again on states loaded anew; what has lost too often takes the slow lane. */
  private decideAgain(items: readonly Pending[], losses: number): void {
    for (const item of items) {
      item.mustLoad = true;
      item.lost += losses;
      if (item.lost >= patience) this.slow.add(item.key);
    }
    this.queue.addFirst(items);
  }

  /** One of these operations has data that the database refuses: it is found by writing each alone. */
  private isolate(items: readonly Pending[], error: unknown): void {
    const [only] = items;
    if (items.length > 1 || only === undefined) {
      for (const item of items) this.queue.add({ ...item, bytes: maxBatchBytes });
      return;
    }
    this.parts.fault("an operation could not be stored", error);
    const message = "the operation could not be stored; the server's log has the cause";
    only.reject(new RefusedError(ErrorReason.INTERNAL, message));
  }
}

function groupByKey(items: Iterable<Pending>): Map<string, Pending[]> {
  const groups = new Map<string, Pending[]>();
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
