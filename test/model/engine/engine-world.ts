/** Two servers over one database, with all that their answers promise: what is stored is read after every step and compared. */
import { toBinary } from "@bufbuild/protobuf";
import { type HistoryEvent, HistoryEventSchema } from "../../../gen/pawl/v1/event_pb.js";
import type { ActivityTask, WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import { type Actor, actor } from "../../support/actor.js";
import { makeNamespace, reasonOf, type TestCluster, type TestServer } from "../../support/engine.js";
import { tablesWith } from "../../support/left-rows.js";
import { miscounted } from "../../support/miscounted.js";
import { type Folded, foldMore, newFold } from "../read-history.js";
import { checkBetweenRuns, type FoundRun, firstRunOf, isReset, Reference } from "../reference.js";
import { rule } from "../rule.js";
import { type Chains, ScheduleChecks } from "./check-schedules.js";

/** A task that was handed out. */
export interface HeldTask<T> {
  readonly task: T;
  /** Whether its lease is known to be over. */
  isOver: boolean;
  /** Whether one caller alone works on it: nobody else chooses it. */
  isApart: boolean;
  /** How many answers were taken. */
  taken: number;
  /** What came with the answers. */
  readonly given: (WorkflowTask | ActivityTask)[];
}

interface StoredRun {
  readonly run_id: string;
  readonly workflow_id: string;
  readonly status: number;
  readonly version: string;
  readonly has_task: boolean;
  readonly closed_at: string | null;
}

interface SeenRun extends FoundRun {
  readonly version: string;
  /** In milliseconds; 0 while it is open. */
  readonly closedAtMs: number;
  readonly history: readonly HistoryEvent[];
  readonly bytes: readonly string[];
  readonly folded: Folded;
}

/** The world of one random test: a namespace of its own. */
export class EngineWorld {
  readonly reference = new Reference();
  readonly workflowTasks: HeldTask<WorkflowTask>[] = [];
  readonly activityTasks: HeldTask<ActivityTask>[] = [];
  private readonly seen = new Map<string, SeenRun>();
  /** Runs that resets have made and that were to get all signals, with the runs that were left. */
  private readonly resets = new Map<string, string>();
  private readonly tokens = new Set<string>();
  /** What is known of them stays known: all that they promised was read when they were found closed. */
  private readonly gone = new Set<string>();
  readonly schedules: ScheduleChecks;
  /** What passes when all that happens at once is over. */
  laterMs = 0;
  /** No run may go that has been closed for less. */
  private leastKeptMs = Number.POSITIVE_INFINITY;
  private names = 0;

  private constructor(
    readonly cluster: TestCluster,
    readonly servers: readonly TestServer[],
    readonly actors: readonly Actor[],
    readonly namespace: string,
  ) {
    this.schedules = new ScheduleChecks(cluster, namespace);
  }

  static async open(cluster: TestCluster, servers: readonly TestServer[]): Promise<EngineWorld> {
    const [first] = servers;
    if (first === undefined) throw new Error("there is no server");
    const namespace = await makeNamespace(first);
    return new EngineWorld(
      cluster,
      servers,
      servers.map((server) => actor(server, namespace)),
      namespace,
    );
  }

  newName(what: string): string {
    this.names += 1;
    return `${what}-${this.names}`;
  }

  on(a: number): Actor {
    const found = this.actors[a % this.actors.length];
    if (found === undefined) throw new Error("there is no server");
    return found;
  }

  /** A task came out of a poll: under a token that no other poll got. Undefined: it can't be held as a workflow task is. */
  took(task: WorkflowTask | ActivityTask): HeldTask<WorkflowTask> | undefined {
    if ("isQueryOnly" in task && task.isQueryOnly) return undefined;
    const token = Buffer.from(task.taskToken).toString("hex");
    rule(!this.tokens.has(token), `a task of ${task.runId} was handed out twice`);
    this.tokens.add(token);
    const state = { isOver: false, isApart: false, taken: 0, given: [] };
    if (!("startedEventId" in task)) {
      this.activityTasks.push({ task, ...state });
      return undefined;
    }
    const held = { task, ...state };
    this.workflowTasks.push(held);
    return held;
  }

  /** Tasks came in answers of which one may repeat another, or `known` ones. */
  tookSome(
    tasks: readonly (WorkflowTask | ActivityTask)[],
    known: readonly (WorkflowTask | ActivityTask)[] = [],
  ): void {
    const tokens = new Set(known.map(({ taskToken }) => Buffer.from(taskToken).toString("hex")));
    for (const task of tasks) {
      const token = Buffer.from(task.taskToken).toString("hex");
      if (!tokens.has(token)) this.took(task);
      tokens.add(token);
    }
  }

  lastSeqOf(runId: string): number {
    return this.seen.get(runId)?.folded.lastSeq ?? 0;
  }

  seqsOf(runId: string): number[] {
    const folded = this.seen.get(runId)?.folded;
    if (folded === undefined) return [];
    return [...folded.activities.keys(), ...folded.timers.keys(), ...folded.children.keys()];
  }

  /** Runs whose whole history was read, and that are not deleted. */
  closedRuns(): FoundRun[] {
    return [...this.seen.values()].filter(({ isClosed, runId }) => isClosed && !this.gone.has(runId));
  }

  /** Of the calls to delete a run so many were accepted. */
  deleted(runId: string, times: number): void {
    rule(times <= 1 && (times === 0 || !this.gone.has(runId)), `run ${runId} was deleted twice`);
    if (times > 0) this.gone.add(runId);
  }

  /** Runs may be kept for so long from now on. */
  retained(keptMs: number): void {
    this.leastKeptMs = Math.min(this.leastKeptMs, keptMs);
  }

  /** All servers fire what is due. */
  async fireSchedules(): Promise<void> {
    await Promise.all(
      this.servers.flatMap(({ upkeep }) => [upkeep.fireSchedules(), upkeep.fireOverdueSchedules()]),
    );
  }

  /** Some end of a workflow task of some run of a workflow id, as far as runs have been read. */
  resetPoint(workflowId: string, a: number, b: number): { runId: string; eventId: number } | undefined {
    const runs = [...this.seen.values()].filter((run) => run.workflowId === workflowId);
    const run = runs[a % runs.length];
    const ends = run?.history.filter(({ kind }) => kind.case === "workflowTaskCompleted") ?? [];
    const end = ends[b % ends.length];
    return run === undefined || end === undefined ? undefined : { runId: run.runId, eventId: end.eventId };
  }

  /** A reset that gives all signals to the new run was acknowledged. */
  wasReset(runId: string, base: string): void {
    this.resets.set(runId, base);
  }

  /** Whether another run of the workflow id began between these two, or as one of them did. */
  async isRunBetween(workflowId: string, ...runIds: readonly string[]): Promise<boolean> {
    const found = await this.cluster.run(
      `select r.run_id
       from runs r join namespaces n using (namespace_id),
         (select min(started_at) as first, max(started_at) as last from runs where run_id = any($3)) b
       where n.name = $1 and r.workflow_id = $2 and r.run_id <> all($3) and r.started_at between b.first and b.last`,
      [this.namespace, workflowId, runIds],
    );
    return found.length > 0;
  }

  /** Reads what has changed, and checks it. Calls may be under way between runs, but none from a test. */
  async check(): Promise<void> {
    await this.schedules.readFirst();
    const rows = await this.cluster.run<StoredRun>(
      `select r.run_id, r.workflow_id, r.status, r.version::text, r.workflow_task is not null as has_task, r.closed_at::text
       from runs r join namespaces n using (namespace_id) where n.name = $1`,
      [this.namespace],
    );
    const open = new Set<string>();
    for (const { workflow_id: id, status, run_id: runId } of rows) {
      rule(!this.gone.has(runId), `run ${runId} is there after it was deleted`);
      if (status > 2) continue;
      rule(!open.has(id), `${id} has two open runs, ${runId} is one`);
      open.add(id);
    }
    await this.checkRetention(new Set(rows.map(({ run_id: id }) => id)));
    await this.checkPointers();
    const changed = rows.filter(({ run_id: id, version }) => this.seen.get(id)?.version !== version);
    const read = await Promise.all(changed.map((row, index) => this.readRun(row, this.on(index))));
    // What a delivery has moved on since is read again by the next check.
    const now = await this.cluster.run<StoredRun>(
      "select run_id, version::text from runs where run_id = any($1)",
      [changed.map(({ run_id: id }) => id)],
    );
    const versions = new Map(now.map(({ run_id: id, version }) => [id, version]));
    for (const { row, folded } of read) if (versions.get(row.run_id) === row.version) checkRow(row, folded);
    await this.schedules.check(this.chains());
    this.moveTime(this.laterMs);
    this.laterMs = 0;
  }

  /** Runs that are there no more have been closed for as long as they are kept, and nobody finds them. */
  private async checkRetention(there: ReadonlySet<string>): Promise<void> {
    for (const { runId, workflowId, isClosed, closedAtMs } of this.seen.values()) {
      if (there.has(runId) || this.gone.has(runId)) continue;
      rule(isClosed, `open run ${runId} is gone`);
      const agedMs = this.nowMs - closedAtMs;
      rule(
        agedMs + 1_000 >= this.leastKeptMs,
        `run ${runId} was kept for ${agedMs} of ${this.leastKeptMs} ms`,
      );
      this.gone.add(runId);
      const told = await reasonOf(this.on(this.gone.size).get(workflowId, runId));
      rule(told === "WORKFLOW_NOT_FOUND", `run ${runId} is found after its time: ${told}`);
    }
    const [row] = await this.cluster.run<{ kept: string }>(
      "select retention_ms::text as kept from namespaces where name = $1",
      [this.namespace],
    );
    this.leastKeptMs = Number(row?.kept);
  }

  private chains(): Chains {
    const runs = [...this.seen.values()];
    const first = (chosen: SeenRun[]) => new Set(chosen.map(({ history }) => firstRunOf(history)));
    return {
      open: first(runs.filter(({ isClosed }) => !isClosed)),
      reset: first(runs.filter(({ history }) => isReset(history))),
    };
  }

  /** The pointer of each workflow id that has runs names the newest of them. */
  private async checkPointers(): Promise<void> {
    const wrong = await this.cluster.run<{ id: string }>(
      `select coalesce(i.workflow_id, r.workflow_id) as id
       from (select namespace_id, workflow_id, max(started_at) as started_at from runs group by 1, 2) r
       full join workflow_ids i using (namespace_id, workflow_id)
       left join runs c on c.run_id = i.run_id
       join namespaces n on n.namespace_id = coalesce(i.namespace_id, r.namespace_id)
       where n.name = $1 and c.started_at is distinct from r.started_at`,
      [this.namespace],
    );
    for (const { id } of wrong) rule(false, `the pointer of ${id} does not name its newest run`);
  }

  private async readRun(row: StoredRun, reader: Actor): Promise<{ row: StoredRun; folded: Folded }> {
    const { run_id: runId, workflow_id: workflowId, version, status, closed_at: closedAt } = row;
    const before = this.seen.get(runId);
    rule(before?.isClosed !== true, `closed run ${runId} changes`);
    const history = await reader.history(workflowId, runId);
    const bytes = history.map((event) => Buffer.from(toBinary(HistoryEventSchema, event)).toString("base64"));
    for (const [index, old] of (before?.bytes ?? []).entries())
      rule(bytes[index] === old, `event ${index + 1} of ${runId} has changed`);
    const folded = before?.folded ?? newFold();
    foldMore(folded, history);
    this.reference.checkCommands(runId, folded);
    const [started] = history;
    if (before === undefined && started !== undefined) this.schedules.begun(started, runId);
    const isClosed = status > 2;
    this.seen.set(runId, {
      closedAtMs: Number(closedAt) / 1_000,
      runId,
      workflowId,
      isClosed,
      folded,
      history,
      bytes,
      version,
      bufferedSignals: [],
    });
    return { row, folded };
  }

  /** Lets time pass until nothing is due and no message is under way, and looks at all that must have come by then. */
  async finish(): Promise<void> {
    const [server] = this.servers;
    await this.fireSchedules();
    for (let round = 0; round < 400; round++) {
      const [left] = await this.cluster.run<{ messages: number; due: string | null }>(
        `select (select count(*) from messages)::int as messages,
           (select min(w.due_at) from wakeups w join runs r using (run_id) join namespaces n using (namespace_id) where n.name = $1)::text as due`,
        [this.namespace],
      );
      if (left === undefined || server === undefined || (left.messages === 0 && left.due === null)) break;
      rule(round < 399, "everything comes to rest");
      if (left.messages > 0) this.moveTime(2_100);
      else this.moveTime(Math.max(600, Math.ceil(Number(left.due) / 1_000) - this.nowMs + 600));
      await server.upkeep.deliverOverdue();
      await server.upkeep.wakeOverdueRuns();
    }
    await this.check();
    await this.schedules.checkAtRest(this.chains());
    await this.cluster.run("delete from schedules");
    const found = [...this.seen.values()];
    for (const { isClosed, folded, runId } of found)
      rule(isClosed || folded.timers.size === 0, `all timers of ${runId} fire`);
    await this.checkDeletions(found);
    rule(
      (await miscounted(this.cluster)).length === 0,
      "as many runs of each status are counted as there are",
    );
    this.reference.checkSignals(found);
    checkBetweenRuns(found);
    for (const [runId, base] of this.resets) {
      const kept = new Set(this.signalsOf(runId));
      for (const name of this.signalsOf(base)) rule(kept.has(name), `the reset of ${base} lost ${name}`);
    }
    for (const { faults } of this.servers) rule(faults.length === 0, `faults: ${JSON.stringify(faults)}`);
  }

  /** Nothing is left of deleted runs, and all of the others. */
  private async checkDeletions(found: readonly SeenRun[]): Promise<void> {
    for (const { upkeep } of this.servers) while ((await upkeep.clearDeletions()) === 0);
    const left = await tablesWith(this.cluster, [...this.gone]);
    rule(left.length === 0, `rows of deleted runs are left in ${left}`);
    const kept = found.filter(({ runId }) => !this.gone.has(runId));
    const stored = await this.cluster.run<{ run_id: string; events: number }>(
      `select run_id, sum(last_event_id - first_event_id + 1)::int as events
       from history where run_id = any($1) group by 1`,
      [kept.map(({ runId }) => runId)],
    );
    const events = new Map(stored.map((row) => [row.run_id, row.events]));
    for (const { runId, history } of kept)
      rule(
        events.get(runId) === history.length,
        `${events.get(runId)} of ${history.length} events of ${runId} are left`,
      );
  }

  private signalsOf(runId: string): string[] {
    const { history = [] } = this.seen.get(runId) ?? {};
    return history.flatMap(({ kind }) => (kind.case === "signalReceived" ? [kind.value.name] : []));
  }

  /** The time of the servers. */
  get nowMs(): number {
    return Date.now() + this.movedMs;
  }

  /** How far the clock of the servers is ahead. */
  private get movedMs(): number {
    return clocks.get(this.cluster) ?? 0;
  }

  /** Moves the clock of both servers. */
  moveTime(ms: number): void {
    clocks.set(this.cluster, this.movedMs + ms);
    this.cluster.moveTime(ms);
  }
}

const clocks = new WeakMap<TestCluster, number>();

/** Compares a run's row with its history, which were read while it did not move. */
function checkRow({ run_id: runId, status, has_task: hasTask }: StoredRun, folded: Folded): void {
  rule(folded.status === status, `status of ${runId}`);
  if (status > 2) return;
  const isNew = folded.lastNews > folded.previousStartedEventId;
  rule(!isNew || hasTask, `what ${runId} has not delivered has a workflow task`);
  rule(folded.task === undefined || hasTask, `the recorded task of ${runId} is pending`);
}
