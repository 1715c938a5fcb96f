/** The queues that polls wait on or waited on lately, by name, and by the hash that hints of other servers name them with. */
import { createHash } from "node:crypto";
import type { QueueName } from "../../store/claim.js";
import { openTaskQueue, queueKey, type TaskQueue } from "./task-queue.js";

/** Finds queues. */
export interface QueueDirectory {
  find(name: QueueName): TaskQueue | undefined;
  /** The queue of this hash. */
  findHash(hash: string): TaskQueue | undefined;
  /** Finds a queue, or opens it. Those that nobody has waited on for longest are forgotten beyond the bound. */
  open(name: QueueName): TaskQueue;
  waiting(): QueueName[];
  /** The queues that polls wait on, and how many. */
  openPolls(): { queue: QueueName; count: number }[];
  /** All that are known. */
  all(): Iterable<TaskQueue>;
  size(): number;
}

/** Opens an empty directory. */
export function openQueueDirectory(maxQueues: number): QueueDirectory {
  /** The one that was polled last comes last. */
  const byKey = new Map<string, TaskQueue>();
  const byHash = new Map<string, TaskQueue>();

  function shrink(): void {
    if (byKey.size <= maxQueues) return;
    for (const [key, queue] of byKey) {
      if (queue.polls.size > 0 || queue.isClaiming) continue;
      byKey.delete(key);
      byHash.delete(queueHash(queue.name));
      if (byKey.size <= maxQueues) return;
    }
  }

  return {
    find: (name) => byKey.get(queueKey(name)),
    findHash: (hash) => byHash.get(hash),
    open(name) {
      const key = queueKey(name);
      const known = byKey.get(key);
      const queue = known ?? openTaskQueue(name);
      byKey.delete(key);
      shrink();
      byKey.set(key, queue);
      if (known === undefined) byHash.set(queueHash(name), queue);
      return queue;
    },
    waiting: () => [...byKey.values()].filter(({ polls }) => polls.size > 0).map(({ name }) => name),
    openPolls: () =>
      [...byKey.values()]
        .filter(({ polls }) => polls.size > 0)
        .map(({ name, polls }) => ({ queue: name, count: polls.size })),
    all: () => byKey.values(),
    size: () => byKey.size,
  };
}

/** The name of a queue in hints: 16 hex digits. */
export function queueHash(name: QueueName): string {
  return createHash("sha256").update(queueKey(name)).digest("hex").slice(0, 16);
}
