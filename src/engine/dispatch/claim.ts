/** Claims ready tasks from the database for the polls of a queue: one statement for all of them. */
import type { Micros } from "../../core/run-state.js";
import type { HandedTask } from "../../core/transition.js";
import { type ClaimedTask, claimTasks, type QueueName, unclaimTasks } from "../../store/claim.js";
import type { Database } from "../../store/database.js";
import { type Poll, roomOf, type TaskQueue, typesKey } from "./task-queue.js";

/** What claiming works with. */
export interface ClaimParts {
  readonly database: Database;
  /** Starts a claimed task for a poll; undefined if it was not there any more. */
  startTask(claimed: ClaimedTask, kind: "workflow" | "activity", poll: Poll): Promise<HandedTask | undefined>;
  /** A reservation came to nothing. */
  released(pollId: string): void;
  /** A task is there for anybody to claim, here or at another server. */
  isReady(queue: QueueName, position: Micros): void;
  fault(message: string, error: unknown): void;
}

/** Claims until every claiming poll has something or nothing is ready; those that got nothing wait from then on. */
export async function claimForPolls(parts: ClaimParts, queue: TaskQueue): Promise<void> {
  if (queue.isClaiming) return;
  queue.isClaiming = true;
  try {
    for (let groups = groupByTypes(queue); groups.length > 0; groups = groupByTypes(queue))
      await claimOnce(parts, queue, groups);
  } catch (error) {
    for (const poll of queue.polls) if (poll.state === "claiming") poll.state = "waiting";
    throw error;
  } finally {
    queue.isClaiming = false;
  }
}

async function claimOnce(
  parts: ClaimParts,
  queue: TaskQueue,
  groups: readonly (readonly Poll[])[],
): Promise<void> {
  const countBefore = queue.readyCount;
  const asks = groups.map((polls) => ({
    ...queue.name,
    types: polls[0]?.types ?? [],
    lowWater: queue.lowWater,
    limit: polls.reduce((sum, poll) => sum + roomOf(poll), 0),
  }));
  const claimed = await claimTasks(parts.database.read, asks);
  const started = groups.map((polls, index) =>
    startAll(
      parts,
      queue,
      polls,
      claimed.filter((task) => task.ask === index),
    ),
  );
  await giveBack(parts, (await Promise.all(started)).flat());
  groups.forEach((polls, index) => {
    const count = claimed.filter((task) => task.ask === index).length;
    // A full claim says nothing of what lies behind, even where others were quicker to start what it found.
    if (count < (asks[index]?.limit ?? 0)) settle(queue, polls, countBefore);
  });
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

/** Starts tasks for polls. Answers with those that no poll has room for any more, since some have ended meanwhile. */
async function startAll(
  parts: ClaimParts,
  queue: TaskQueue,
  polls: readonly Poll[],
  tasks: readonly ClaimedTask[],
): Promise<readonly ClaimedTask[]> {
  const starts: Promise<void>[] = [];
  let next = 0;
  for (const poll of polls) {
    const room = roomOf(poll);
    for (const task of tasks.slice(next, next + room)) starts.push(startOne(parts, queue, poll, task));
    next += room;
  }
  await Promise.all(starts);
  return tasks.slice(next);
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

async function giveBack(parts: ClaimParts, tasks: readonly ClaimedTask[]): Promise<void> {
  if (tasks.length === 0) return;
  await unclaimTasks(parts.database.read, tasks);
  for (const task of tasks) parts.isReady(task, task.position);
}

/** A poll that got nothing waits, unless something has become ready since its claim. */
function settle(queue: TaskQueue, polls: readonly Poll[], countBefore: number): void {
  const foundNothing = polls.filter((poll) => poll.state === "claiming" && poll.given.length === 0);
  const [first] = foundNothing;
  if (first === undefined || queue.readyCount !== countBefore) return;
  queue.emptyAt.set(typesKey(first), countBefore);
  for (const poll of foundNothing) poll.state = "waiting";
}
