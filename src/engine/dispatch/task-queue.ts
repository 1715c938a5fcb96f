/**
 * The polls that wait on this server for the tasks of one queue, and what is known of the ready tasks in the database.
 *
 * A poll first claims what is ready, then waits to be handed a task. A task that becomes ready between the claim's snapshot and the wait would sleep
 * unseen; so the queue counts what made it ready, and an empty claim whose counter has moved claims again.
 */

import type { Query } from "../../../gen/pawl/v1/task_pb.js";
import type { RunState } from "../../core/run-state.js";
import type { Poller, TaskOffer } from "../../core/transition.js";
import type { QueueName } from "../../store/claim.js";
import { type LowWater, openLowWater } from "../../store/low-water.js";

import { type HandledTypes, openHandledTypes } from "./handled-types.js";

/** A task that was committed for a poll, with the run as it was then. */
export interface GivenTask {
  readonly run: RunState;
  /** For an activity: its seq. 0 for a workflow task. */
  readonly seq: number;
  readonly epoch: number;
  /** A question to the run that comes without a task: then there is no lease. */
  readonly query?: Query;
}

/** A poll. */
export interface Poll extends Poller {
  readonly queue: QueueName;
  /** Types that it handles; empty for all. */
  readonly types: readonly string[];
  readonly maxTasks: number;
  /** Claiming polls are given nothing by hand-off; waiting ones are; those that are over get nothing more. */
  state: "claiming" | "waiting" | "over";
  /** Tasks promised by decisions that are not committed yet. */
  reserved: number;
  /** Tasks that are its own. */
  readonly given: GivenTask[];
  /** Says that something about it has changed. */
  wake: () => void;
  /** The hash of its worker, once it was asked for. */
  workerHash?: string;
  /** Ends its wait: it answers with what it has. */
  readonly end: () => void;
}

/** One queue. */
export interface TaskQueue {
  readonly name: QueueName;
  readonly polls: Set<Poll>;
  /** How often something became ready that nobody here waited for, as far as this server has heard. */
  readyCount: number;
  /** By the types asked for: the ready count at which a claim found nothing. */
  readonly emptyAt: Map<string, number>;
  /** Where its rows begin in the database, as far as claims have learnt. */
  readonly lowWater: LowWater;
  isClaiming: boolean;
  /** The last claim, over when nothing more was to be claimed. */
  claim: Promise<void>;
  /** What its polls handle, or have handled lately. */
  readonly handled: HandledTypes;
  /** When somebody last polled it, by this process's clock. */
  polledAt: number;
}

/** Opens a queue nobody waits on. */
export function openTaskQueue(name: QueueName): TaskQueue {
  return {
    name,
    polls: new Set(),
    readyCount: 1,
    emptyAt: new Map(),
    lowWater: openLowWater(),
    isClaiming: false,
    claim: Promise.resolve(),
    handled: openHandledTypes(),
    polledAt: 0,
  };
}

/** The name as a key. */
export function queueKey({ kind, namespaceId, taskQueue }: QueueName): string {
  return `${kind}/${namespaceId}/${taskQueue}`;
}

/** The types of a poll as a key. */
export function typesKey(poll: Poll): string {
  return poll.types.join("\0");
}

/** How many more tasks a poll may be promised. One that has a task is about to answer and gets no more. */
export function roomOf(poll: Poll): number {
  return poll.state === "over" || poll.given.length > 0 ? 0 : poll.maxTasks - poll.reserved;
}

/** Whether a claim would find nothing, as far as this server knows. */
export function isKnownEmpty(queue: TaskQueue, poll: Poll): boolean {
  return queue.emptyAt.get(typesKey(poll)) === queue.readyCount;
}

/**
 * The waiting poll that shall have a task: one of the worker that has the run cached, else of the worker that was promised the fewest. Of a worker's polls
 * one is filled before the next: so it gets few answers with many tasks, and keeps polls open for what comes meanwhile.
 */
export function choosePoll(queue: TaskQueue, task: TaskOffer): Poll | undefined {
  const byWorker = new Map<string, { fullest: Poll; promised: number }>();
  for (const poll of queue.polls) {
    if (poll.state !== "waiting" || roomOf(poll) === 0 || !handles(poll, task.type)) continue;
    // Anonymous polls are each taken for a worker's own.
    const worker = poll.workerId === "" ? poll.pollId : poll.workerId;
    const known = byWorker.get(worker);
    const fullest = known === undefined || poll.reserved > known.fullest.reserved ? poll : known.fullest;
    byWorker.set(worker, { fullest, promised: (known?.promised ?? 0) + poll.reserved });
  }
  const sticky = task.stickyWorkerId === "" ? undefined : byWorker.get(task.stickyWorkerId);
  if (sticky !== undefined) return sticky.fullest;
  const [least] = [...byWorker.values()].sort((a, b) => a.promised - b.promised);
  return least?.fullest;
}

function handles(poll: Poll, type: string): boolean {
  return poll.types.length === 0 || poll.types.includes(type);
}
