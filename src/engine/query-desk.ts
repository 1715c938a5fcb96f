/**
 * Questions to runs, and the workers that can answer them.
 *
 * A question goes straight to a worker that polls this server, with the run's history; where a workflow task of the run is about to be given out, it goes
 * with that task, so that it sees every event from before it. What finds no worker here is put up for the other servers. It is given again if no
 * answer comes: that it is answered twice does no harm, as a question changes nothing.
 */
import type { Query, QueryAnswer } from "../../gen/pawl/v1/task_pb.js";
import type { RunState } from "../core/run-state.js";
import { isClosedStatus } from "../core/status.js";
import type { TaskOffer } from "../core/transition.js";
import type { Database } from "../store/database.js";
import {
  type QueryRow,
  readShared,
  removeQuery,
  shareQuery,
  storeAnswers,
  takeQueries,
  untakenQueries,
  untakeQuery,
} from "../store/queries.js";
import type { Dispatch } from "./dispatch/dispatch.js";
import type { Peers } from "./peers.js";
import type { RunWatch } from "./run-watch.js";
import { startWait } from "./wait.js";

/** What a question is asked with. */
export interface Asking {
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Loads the run as it is now. */
  load(): Promise<RunState>;
  /** Whether a worker for the run was seen lately; `isLong` says that no other server has found one, either. */
  mayFindWorker(run: RunState, isLong: boolean): Promise<boolean>;
}

/** How a question ended: with an answer and the run as it was given out, or why without. */
export type Asked =
  | { readonly answer: QueryAnswer; readonly run: RunState }
  | { readonly answer: undefined; readonly why: "no worker" | "no answer" };

/** Brings questions to workers. */
export interface QueryDesk {
  ask(query: Query, asking: Asking): Promise<Asked>;
  /** The questions that go with the workflow task of a run that is being given out. */
  takeFor(runId: string): Promise<Query[]>;
  /** A question could not be brought to the poll that it was given to. */
  undelivered(queryId: string): void;
  /** Passes answers on to those who wait for them. */
  answer(namespaceId: string, answers: readonly QueryAnswer[]): Promise<void>;
  /** Another server has put questions up. */
  heardAsked(): Promise<void>;
  /** Another server has stored an answer to the question whose id ends so. */
  heardAnswered(queryIdTail: string): Promise<void>;
  /** How many are open here. */
  size(): number;
}

/** What the desk works with. */
export interface QueryDeskParts {
  readonly database: Database;
  readonly dispatch: Pick<Dispatch, "giveQuery" | "hasPoll">;
  readonly watch: RunWatch;
  readonly peers: Pick<Peers, "isAlone" | "tellAsked" | "tellAnswered">;
  /** Loads the run of a question that another server put up; undefined if it has gone. */
  loadRun(row: QueryRow): Promise<RunState | undefined>;
  fault(message: string, error: unknown): void;
}

/** A question that is given out and not answered is given out again after so long. */
const takenMs = 10_000;
/** So often a question that nobody has is looked at again, even where nothing was heard. */
const retryMs = 2_000;
/** Another server that has a worker takes a question well within this time. */
const patienceMs = 3_000;

interface Open {
  readonly query: Query;
  readonly namespaceId: string;
  run: RunState;
  readonly isOwn: boolean;
  takenUntil: number;
  isShared: boolean;
  answer: QueryAnswer | undefined;
  wake(): void;
}

/** Opens a desk without questions. */
export function openQueryDesk(parts: QueryDeskParts): QueryDesk {
  return new Desk(parts);
}

class Desk implements QueryDesk {
  private readonly open = new Map<string, Open>();
  /** Those that go with the next workflow task of their run. */
  private readonly attached = new Map<string, Set<Open>>();

  constructor(private readonly parts: QueryDeskParts) {}

  async ask(query: Query, asking: Asking): Promise<Asked> {
    const waiter = startWait(asking.waitMs, asking.signal);
    const run = await asking.load();
    const mine: Open = {
      ...{ query, namespaceId: run.namespaceId, run, isOwn: true, takenUntil: 0 },
      ...{ isShared: false, answer: undefined, wake: waiter.wake },
    };
    this.open.set(query.queryId, mine);
    const stopWatching = this.parts.watch.watch(run.runId, waiter.wake);
    const retry = setInterval(waiter.wake, retryMs);
    try {
      return await this.untilAnswered(mine, asking, waiter);
    } finally {
      clearInterval(retry);
      stopWatching();
      waiter.close();
      this.open.delete(query.queryId);
      this.detach(mine);
      if (mine.isShared) await removeQuery(this.parts.database.read, query.queryId);
    }
  }

  private async untilAnswered(
    mine: Open,
    asking: Asking,
    waiter: { next(): Promise<boolean> },
  ): Promise<Asked> {
    const askedAt = Date.now();
    let hasLooked = false;
    for (let goesOn = true; ; goesOn = await waiter.next()) {
      const isTaken = await this.isTakenElsewhere(mine);
      if (mine.answer !== undefined) return { answer: mine.answer, run: mine.run };
      if (!goesOn) return { answer: undefined, why: "no answer" };
      if (isTaken || mine.takenUntil > Date.now()) continue;
      if (hasLooked) mine.run = await asking.load();
      hasLooked = true;
      if (this.place(mine)) continue;
      await this.share(mine);
      const isLong = Date.now() - askedAt > patienceMs;
      if (!(await asking.mayFindWorker(mine.run, isLong))) return { answer: undefined, why: "no worker" };
    }
  }

  /** Looks what became of a question that was put up. */
  private async isTakenElsewhere(mine: Open): Promise<boolean> {
    if (!mine.isShared || mine.answer !== undefined) return false;
    const { answer, isTaken } = await readShared(this.parts.database.read, mine.query.queryId);
    mine.answer ??= answer;
    return isTaken;
  }

  /** Brings a question to a worker of this server if there is one, or lays it beside the task that it must wait for. Answers whether a worker has it. */
  private place(asked: Open): boolean {
    const { run, query } = asked;
    const task = isClosedStatus(run.status) ? undefined : run.workflowTask;
    this.detach(asked);
    // A run that is blocked tells at least what it would have answered before.
    if (task !== undefined && task.attempt === 1) {
      if (task.lease === undefined) this.attach(asked);
      return false;
    }
    if (!this.parts.dispatch.giveQuery(offerOf(run), { run, seq: 0, epoch: 0, query })) return false;
    asked.takenUntil = Date.now() + takenMs;
    return true;
  }

  private attach(asked: Open): void {
    const { runId } = asked.run;
    const set = this.attached.get(runId) ?? new Set();
    this.attached.set(runId, set);
    set.add(asked);
  }

  private detach(asked: Open): void {
    const { runId } = asked.run;
    const set = this.attached.get(runId);
    set?.delete(asked);
    if (set?.size === 0) this.attached.delete(runId);
  }

  private async share(asked: Open): Promise<void> {
    const { peers, database } = this.parts;
    if (peers.isAlone()) return;
    const { namespaceId, workflowId, runId } = asked.run;
    if (!asked.isShared)
      await shareQuery(database.read, { query: asked.query, namespaceId, workflowId, runId });
    asked.isShared = true;
    peers.tellAsked(asked.query.queryId);
  }

  async takeFor(runId: string): Promise<Query[]> {
    const found = [...(this.attached.get(runId) ?? [])];
    if (found.length === 0) return [];
    this.attached.delete(runId);
    for (const asked of found) asked.takenUntil = Date.now() + takenMs;
    const foreign = found.filter(({ isOwn }) => !isOwn).map(({ query }) => query.queryId);
    for (const queryId of foreign) this.open.delete(queryId);
    const taken = foreign.length === 0 ? new Set() : await takeQueries(this.parts.database.read, foreign);
    return found.filter(({ isOwn, query }) => isOwn || taken.has(query.queryId)).map(({ query }) => query);
  }

  undelivered(queryId: string): void {
    const asked = this.open.get(queryId);
    if (asked !== undefined) {
      asked.takenUntil = 0;
      asked.wake();
      return;
    }
    untakeQuery(this.parts.database.read, queryId).catch((error: unknown) =>
      this.parts.fault("a query could not be given back", error),
    );
  }

  async answer(namespaceId: string, answers: readonly QueryAnswer[]): Promise<void> {
    const elsewhere = answers.filter((answer) => {
      const asked = this.open.get(answer.queryId);
      if (asked?.isOwn !== true || asked.namespaceId !== namespaceId) return true;
      asked.answer = answer;
      asked.wake();
      return false;
    });
    const stored = await storeAnswers(this.parts.database.read, namespaceId, elsewhere);
    for (const queryId of stored) this.parts.peers.tellAnswered(queryId);
  }

  async heardAsked(): Promise<void> {
    this.forgetForeign();
    for (const row of await untakenQueries(this.parts.database.read)) {
      const { query } = row;
      if (this.open.has(query.queryId)) continue;
      const run = await this.parts.loadRun(row);
      if (run !== undefined) await this.placeForeign({ ...row, run });
    }
  }

  private async placeForeign({
    query,
    namespaceId,
    run,
  }: QueryRow & { readonly run: RunState }): Promise<void> {
    const asked: Open = {
      ...{ query, namespaceId, run, isOwn: false, takenUntil: 0 },
      ...{ isShared: true, answer: undefined, wake: () => {} },
    };
    const mustWait = run.workflowTask?.attempt === 1 && !isClosedStatus(run.status);
    if (mustWait) {
      asked.takenUntil = Date.now() + 6 * takenMs;
      this.open.set(query.queryId, asked);
      this.place(asked);
      return;
    }
    if (!this.parts.dispatch.hasPoll(offerOf(run))) return;
    const taken = await takeQueries(this.parts.database.read, [query.queryId]);
    if (taken.size > 0 && !this.place(asked)) await untakeQuery(this.parts.database.read, query.queryId);
  }

  /** Questions of other servers that have lain here for long: whoever asked has put them up anew, or has gone. */
  private forgetForeign(): void {
    for (const [queryId, asked] of this.open) {
      if (asked.isOwn || asked.takenUntil > Date.now()) continue;
      this.open.delete(queryId);
      this.detach(asked);
    }
  }

  async heardAnswered(queryIdTail: string): Promise<void> {
    for (const asked of this.open.values())
      if (asked.isOwn && asked.query.queryId.replaceAll("-", "").endsWith(queryIdTail)) asked.wake();
  }

  size(): number {
    return this.open.size;
  }
}

function offerOf({
  namespaceId,
  taskQueue,
  workflowType,
  runId,
  stickyWorkerId,
  nextEventId,
}: RunState): TaskOffer {
  const rest = { stickyWorkerId, historyLength: nextEventId - 1 };
  return { kind: "workflow", namespaceId, taskQueue, type: workflowType, runId, ...rest };
}
