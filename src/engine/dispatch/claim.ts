/** Claims ready tasks from the database for the polls of a queue: one statement for all of them. */
import type { HandedTask } from "../../core/transition.js";
import { type ClaimedTask, claimTasks } from "../../store/claim.js";
import type { Database } from "../../store/database.js";
import { type Poll, roomOf, type TaskQueue, typesKey } from "./task-queue.js";

/** What claiming works with. */
export interface ClaimParts {
  readonly database: Database;
  /** Starts a claimed task for a poll; undefined if it was not there any more. */
  startTask(claimed: ClaimedTask, kind: "workflow" | "activity", poll: Poll): Promise<HandedTask | undefined>;
  /** A reservation came to nothing. */
  released(pollId: string): void;
  fault(message: string, error: unknown): void;
}

/** Claims until every claiming poll has something or nothing is ready; those that got nothing wait from then on. */
export async function claimForPolls(parts: ClaimParts, queue: TaskQueue): Promise<void> {
  if (queue.isClaiming) return;
  queue.isClaiming = true;
  try {
    for (;;) {
      const groups = groupByTypes(queue);
      if (groups.length === 0) return;
      const countBefore = queue.readyCount;
      const asks = groups.map((polls) => ({
        ...queue.name,
        types: polls[0]?.types ?? [],
        lowWater: queue.lowWater,
        limit: polls.reduce((sum, poll) => sum + roomOf(poll), 0),
      }));
      const claimed = await claimTasks(parts.database.read, asks);
      await Promise.all(
        groups.map((polls, index) =>
          startAll(
            parts,
            queue,
            polls,
            claimed.filter((task) => task.ask === index),
          ),
        ),
      );
      for (const polls of groups) settle(queue, polls, countBefore);
    }
  } finally {
    queue.isClaiming = false;
  }
}

/** The claiming polls, those that handle the same types together. */
function groupByTypes(queue: TaskQueue): Poll[][] {
  const groups = new Map<string, Poll[]>();
  for (const poll of queue.polls) {
    if (poll.state !== "claiming" || poll.given.length > 0 || poll.reserved > 0) continue;
    const key = typesKey(poll);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [poll]);
    else group.push(poll);
  }
  return [...groups.values()];
}

async function startAll(
  parts: ClaimParts,
  queue: TaskQueue,
  polls: readonly Poll[],
  tasks: readonly ClaimedTask[],
): Promise<void> {
  const starts: Promise<void>[] = [];
  let next = 0;
  for (const poll of polls) {
    const room = roomOf(poll);
    for (const task of tasks.slice(next, next + room)) starts.push(startOne(parts, queue, poll, task));
    next += room;
  }
  await Promise.all(starts);
}

async function startOne(parts: ClaimParts, queue: TaskQueue, poll: Poll, task: ClaimedTask): Promise<void> {
  poll.reserved++;
  let handed: HandedTask | undefined;
  try {
    handed = await parts.startTask(task, queue.name.kind, poll);
  } catch (error) {
    parts.fault("a claimed task could not be started", error);
  }
  if (handed === undefined) parts.released(poll.pollId);
}

/** A poll that got nothing waits, unless something has become ready since its claim. */
function settle(queue: TaskQueue, polls: readonly Poll[], countBefore: number): void {
  const foundNothing = polls.filter((poll) => poll.state === "claiming" && poll.given.length === 0);
  const [first] = foundNothing;
  if (first === undefined || queue.readyCount !== countBefore) return;
  queue.emptyAt.set(typesKey(first), countBefore);
  for (const poll of foundNothing) poll.state = "waiting";
}
