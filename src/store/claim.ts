/** Claiming ready tasks: a hint that keeps other servers from trying the same ones. Who has a task is decided by the start that follows. */
import type { Micros } from "../core/run-state.js";
import { claimStatement, readyQueuesStatement, unclaimStatement } from "./claim-statement.js";
import { type ClaimScope, type LowWater, scopeFromStart } from "./low-water.js";
import { taskKinds } from "./ready-task.js";
import type { Queryable } from "./statement.js";

/** A queue: the tasks of one kind under a name. */
export interface QueueName {
  readonly namespaceId: string;
  readonly kind: "workflow" | "activity";
  readonly taskQueue: string;
}

/** Tasks that pollers of a queue want. */
export interface ClaimAsk extends QueueName {
  /** The types that they handle. Empty: all. */
  readonly types: readonly string[];
  /** How many tasks at the most. */
  readonly limit: number;
  /** What earlier claims have learnt about the queue; one for each queue, kept by the caller. */
  readonly lowWater?: LowWater;
}

/** A task that others leave alone for five seconds. */
export interface ClaimedTask {
  /** The place, in the call, of the ask that it is for. */
  readonly ask: number;
  readonly namespaceId: string;
  readonly kind: "workflow" | "activity";
  readonly taskQueue: string;
  readonly workflowId: string;
  readonly runId: string;
  /** 0 for a workflow task. */
  readonly seq: number;
  readonly type: string;
  readonly priority: number;
  readonly position: Micros;
}

/** Claims tasks, for each ask by priority and then by position. A task that fits several asks goes to one of them. */
export async function claimTasks(q: Queryable, asks: readonly ClaimAsk[]): Promise<ClaimedTask[]> {
  const scopes = asks.map((ask) => ask.lowWater?.scope(ask.types) ?? scopeFromStart(ask.types));
  const rows = await q.query<ClaimRow>(claimStatement, claimParameters(asks, scopes));
  const claimed = asks.map((): ClaimedTask[] => []);
  for (const row of rows) {
    const ask = asks[row.ask];
    if (row.task === null || ask === undefined) continue;
    const { namespaceId, kind, taskQueue } = ask;
    claimed[row.ask]?.push({ ask: row.ask, namespaceId, kind, taskQueue, ...row.task });
  }
  const now = rows[0]?.now ?? 0;
  asks.forEach((ask, index) => {
    const [scope, tasks = []] = [scopes[index], claimed[index]];
    if (scope !== undefined) ask.lowWater?.learn({ scope, tasks, isDrained: tasks.length < ask.limit, now });
  });
  return claimed.flatMap((tasks) => tasks.sort((a, b) => a.priority - b.priority || a.position - b.position));
}

/** Gives back claimed tasks that are not started after all, so that anybody can have them at once. */
export async function unclaimTasks(
  q: Queryable,
  tasks: readonly Omit<ClaimedTask, "ask" | "workflowId">[],
): Promise<void> {
  if (tasks.length === 0) return;
  await q.query(unclaimStatement, [
    tasks.map((task) => task.namespaceId),
    tasks.map((task) => taskKinds[task.kind]),
    tasks.map((task) => task.taskQueue),
    tasks.map((task) => task.type),
    tasks.map((task) => task.priority),
    tasks.map((task) => task.position),
    tasks.map((task) => task.runId),
    tasks.map((task) => task.seq),
  ]);
}

/** The places of those queues that have a task that nobody has claimed. */
export async function whichQueuesAreReady(q: Queryable, queues: readonly QueueName[]): Promise<number[]> {
  const rows = await q.query<{ queue: number }>(readyQueuesStatement, [
    queues.map((queue) => queue.namespaceId),
    queues.map((queue) => taskKinds[queue.kind]),
    queues.map((queue) => queue.taskQueue),
  ]);
  return rows.map((row) => row.queue);
}

interface ClaimRow {
  ask: number;
  now: Micros;
  task: Pick<ClaimedTask, "workflowId" | "runId" | "seq" | "type" | "priority" | "position"> | null;
}

function claimParameters(asks: readonly ClaimAsk[], scopes: readonly ClaimScope[]): unknown[] {
  const heads = scopes.flatMap((scope, ask) => scope.heads.map((head) => ({ ask, ...head })));
  const gaps = scopes.flatMap((scope, ask) => scope.gaps.map((gap) => ({ ask, ...gap })));
  return [
    asks.map((ask) => ask.namespaceId),
    asks.map((ask) => taskKinds[ask.kind]),
    asks.map((ask) => ask.taskQueue),
    asks.map((ask) => ask.limit),
    heads.map((head) => head.ask),
    heads.map((head) => head.type),
    heads.map((head) => head.priority),
    heads.map((head) => head.position),
    gaps.map((gap) => gap.ask),
    gaps.map((gap) => gap.after),
    gaps.map((gap) => gap.before),
  ];
}
