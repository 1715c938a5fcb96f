/**
 * Dispatch: brings tasks and polls together.
 *
 * A task that is made while a poll waits for it is handed over in the transition that makes it; what nobody waits for is claimed from the ready tasks.
 * Either way the lease is made by a guarded transition, and the task goes out once that is committed.
 */
import { randomUUID } from "node:crypto";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../../core/errors.js";
import type { Micros, RunState } from "../../core/run-state.js";
import type { HandedTask, Poller, TaskOffer } from "../../core/transition.js";
import type { QueueName } from "../../store/claim.js";
import type { EngineMetrics } from "../metrics.js";
import { startWait, type Waiter } from "../wait.js";
import { type WorkerName, workerHash } from "../worker-name.js";
import { type ClaimParts, claimForPolls } from "./claim.js";
import type { Handled } from "./handled-types.js";
import { openQueueDirectory } from "./queue-directory.js";
import {
  choosePoll,
  type GivenTask,
  isKnownEmpty,
  type Poll,
  roomOf,
  type TaskQueue,
  typesKey,
} from "./task-queue.js";

/** What a poll asks for. */
export interface PollAsk extends Poller {
  readonly queue: QueueName;
  readonly types: readonly string[];
  readonly maxTasks: number;
  readonly waitMs: number;
}

/** Brings tasks and polls together. */
export interface Dispatch {
  /** Waits for tasks. Tasks of a poll whose signal is aborted are given back; its answer is empty. */
  poll(ask: PollAsk, signal: AbortSignal): Promise<GivenTask[]>;
  /** Reserves a waiting poll for a task that is being decided. */
  takePoller(task: TaskOffer): Poller | undefined;
  /** The reserved task was not made. */
  released(pollId: string): void;
  /** The reserved task was committed. */
  given(handed: HandedTask, run: RunState): void;
  /** Gives a question to a waiting poll. False: none could take it. */
  giveQuery(task: TaskOffer, given: GivenTask): boolean;
  /** Whether a poll waits that could be given such a task. */
  hasPoll(task: TaskOffer): boolean;
  /** Whether somebody polls a queue here, or did within the last minute. */
  wasPolled(name: QueueName): boolean;
  /** Something is ready, or may be, in a queue; where it stands there, if that is known. */
  madeReady(name: QueueName, position?: Micros): void;
  /** Another server says so of the queue with this hash. */
  madeReadyElsewhere(queueHash: string): void;
  /** The queues that polls wait on. */
  waitingQueues(): QueueName[];
  /** These queues, and how many polls of them are open. */
  openPolls(): { queue: QueueName; count: number }[];
  /** The queues that are polled here, or were lately, and for which types. */
  handledTypes(): { queue: QueueName; types: Handled }[];
  /** Ends the open polls of a worker: they answer with what they have. */
  endPolls(worker: WorkerName): void;
  /** The worker with this hash, if it has an open poll. */
  findPolling(hash: string): WorkerName | undefined;
  /** Refuses new polls and ends the open ones. */
  endAll(): void;
  /** Resolves when no claim is under way. */
  whenIdle(): Promise<void>;
  held(): HeldPolls;
}

/** What dispatch holds in memory. */
export interface HeldPolls {
  readonly polls: number;
  /** Polls that can be handed a task. */
  readonly waitingPolls: number;
  /** Tasks that are promised and not committed yet. */
  readonly reserved: number;
  readonly queues: number;
}

/** What dispatch works with. */
export interface DispatchParts extends Omit<ClaimParts, "released"> {
  readonly metrics: EngineMetrics;
  /** The database's time. */
  now(): Micros;
  /** Gives a task back that could not be delivered. Never rejects. */
  returnTask(kind: QueueName["kind"], task: GivenTask): Promise<void>;
}

/** Beyond so many open polls others are refused. */
const maxPolls = 100_000;
/** What is known of so many queues is kept, even while nobody waits on them. */
const maxQueues = 10_000;

/** Who has polled within the last minute is taken to be there. */
const lateMs = 60_000;
/** Workers are taken to be busy, and not gone, for so long after their last poll. */
const handledMicros = 30_000_000;
/** A task that takes its place this far back may stand where claims do not look any more. */
const recentMicros = 1_000_000;

/** Opens dispatch with no queues. */
export function openDispatch(parts: DispatchParts): Dispatch {
  return new TaskDispatch(parts);
}

class TaskDispatch implements Dispatch {
  private readonly queues = openQueueDirectory(maxQueues);
  private readonly claims = new Set<Promise<void>>();
  private isStopping = false;
  private readonly polls = new Map<string, Poll>();
  private readonly counts = { workflow: 0, activity: 0 };
  private readonly claimParts: ClaimParts;

  constructor(private readonly parts: DispatchParts) {
    this.claimParts = { ...parts, released: (pollId) => this.released(pollId) };
  }

  async poll(ask: PollAsk, signal: AbortSignal): Promise<GivenTask[]> {
    if (this.isStopping) throw shuttingDown();
    if (this.polls.size >= maxPolls) throw tooManyPolls();
    const waiter = startWait(ask.waitMs, signal);
    const poll: Poll = {
      state: "claiming",
      reserved: 0,
      given: [],
      wake: waiter.wake,
      end: waiter.end,
      ...ask,
      // Two polls of different workers may have the same request id.
      pollId: this.polls.has(ask.pollId) ? randomUUID() : ask.pollId,
    };
    const queue = this.queues.open(ask.queue);
    this.polls.set(poll.pollId, poll);
    queue.polls.add(poll);
    queue.handled.note(poll.types, this.parts.now());
    this.count(ask.queue.kind, 1);
    let claimed: Promise<void> | undefined;
    if (isKnownEmpty(queue, poll)) poll.state = "waiting";
    else claimed = this.claim(queue);
    await waitForTasks(poll, waiter, () => unlessAborted(claimed, signal));
    waiter.close();
    this.polls.delete(poll.pollId);
    queue.polls.delete(poll);
    queue.polledAt = Date.now();
    queue.handled.note(poll.types, this.parts.now());
    this.count(ask.queue.kind, -1);
    if (!signal.aborted) return poll.given;
    await Promise.all(poll.given.map((task) => this.parts.returnTask(ask.queue.kind, task)));
    return [];
  }

  takePoller(task: TaskOffer): Poller | undefined {
    const poll = this.findPoll(task);
    if (poll !== undefined) poll.reserved++;
    return poll;
  }

  released(pollId: string): void {
    const poll = this.polls.get(pollId);
    if (poll === undefined) return;
    poll.reserved--;
    if (poll.reserved === 0) poll.wake();
  }

  given(handed: HandedTask, run: RunState): void {
    this.polls.get(handed.pollId)?.given.push({ run, seq: handed.seq, epoch: handed.epoch });
    this.released(handed.pollId);
  }

  giveQuery(task: TaskOffer, given: GivenTask): boolean {
    const poll = this.findPoll(task);
    poll?.given.push(given);
    poll?.wake();
    return poll !== undefined;
  }

  hasPoll(task: TaskOffer): boolean {
    return this.findPoll(task) !== undefined;
  }

  wasPolled(name: QueueName): boolean {
    const queue = this.queues.find(name);
    return queue !== undefined && (queue.polls.size > 0 || queue.polledAt > Date.now() - lateMs);
  }

  private findPoll(task: TaskOffer): Poll | undefined {
    const queue = this.queues.find(task);
    return queue === undefined ? undefined : choosePoll(queue, task);
  }

  madeReady(name: QueueName, position?: Micros): void {
    const queue = this.queues.find(name);
    if (queue !== undefined) this.lookAgain(queue, position);
  }

  madeReadyElsewhere(queueHash: string): void {
    const queue = this.queues.findHash(queueHash);
    if (queue !== undefined) this.lookAgain(queue, undefined);
  }

  private lookAgain(queue: TaskQueue, position: Micros | undefined): void {
    queue.readyCount++;
    if (position !== undefined && position < this.parts.now() - recentMicros) queue.lowWater.forget();
    if (queue.polls.size === 0) return;
    for (const poll of queue.polls) {
      if (poll.state === "waiting" && poll.reserved === 0 && roomOf(poll) > 0) poll.state = "claiming";
    }
    void this.claim(queue);
  }

  waitingQueues(): QueueName[] {
    return this.queues.waiting();
  }

  openPolls(): { queue: QueueName; count: number }[] {
    return this.queues.openPolls();
  }

  handledTypes(): { queue: QueueName; types: Handled }[] {
    const now = this.parts.now();
    return [...this.queues.all()].flatMap((queue) => {
      for (const types of typesOfPolls(queue)) queue.handled.note(types, now);
      const types = queue.handled.since(now - handledMicros);
      return types === "all" || types.size > 0 ? [{ queue: queue.name, types }] : [];
    });
  }

  endPolls({ namespaceId, workerId }: WorkerName): void {
    for (const poll of this.polls.values()) {
      if (poll.workerId === workerId && poll.queue.namespaceId === namespaceId) turnAway(poll);
    }
  }

  findPolling(hash: string): WorkerName | undefined {
    for (const poll of this.polls.values()) {
      if (poll.workerId === "") continue;
      const worker = { namespaceId: poll.queue.namespaceId, workerId: poll.workerId };
      poll.workerHash ??= workerHash(worker);
      if (poll.workerHash === hash) return worker;
    }
    return undefined;
  }

  endAll(): void {
    this.isStopping = true;
    for (const poll of this.polls.values()) turnAway(poll);
  }

  async whenIdle(): Promise<void> {
    await Promise.all(this.claims);
  }

  held(): HeldPolls {
    const polls = [...this.polls.values()];
    return {
      polls: polls.length,
      waitingPolls: polls.filter(({ state }) => state === "waiting").length,
      reserved: polls.reduce((sum, { reserved }) => sum + reserved, 0),
      queues: this.queues.size(),
    };
  }

  /** Claims for all polls of a queue that want to; resolves when none does any more. */
  private claim(queue: TaskQueue): Promise<void> {
    if (queue.isClaiming) return queue.claim;
    const claim = claimForPolls(this.claimParts, queue)
      .catch((error: unknown) => {
        this.parts.fault("tasks could not be claimed", error);
      })
      .finally(() => this.claims.delete(claim));
    this.claims.add(claim);
    queue.claim = claim;
    return claim;
  }

  private count(kind: QueueName["kind"], change: number): void {
    this.counts[kind] += change;
    this.parts.metrics.pollers(kind, this.counts[kind]);
  }
}

/** What the open polls of a queue handle; those that handle the same once. */
function typesOfPolls({ polls }: TaskQueue): Iterable<readonly string[]> {
  return new Map([...polls].map((poll) => [typesKey(poll), poll.types])).values();
}

/**
 * Waits until the poll has tasks or its time is over, and then for what it was promised meanwhile. Even one that waits no time at all gets what is
 * ready: its first claim is waited for.
 */
async function waitForTasks(poll: Poll, waiter: Waiter, claimed: () => Promise<void>): Promise<void> {
  let goesOn = true;
  while (goesOn && (poll.given.length === 0 || poll.reserved > 0)) goesOn = await waiter.next();
  if (poll.state === "claiming") await claimed();
  poll.state = "over";
  while (poll.reserved > 0) {
    await new Promise<void>((resolve) => {
      poll.wake = resolve;
    });
  }
}

/** The poll answers at once with what it has. */
function turnAway(poll: Poll): void {
  poll.state = "over";
  poll.end();
}

/** Resolves with the work, or as soon as the signal is aborted. */
async function unlessAborted(work: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  if (work === undefined || signal.aborted) return;
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([work, aborted]);
}

function shuttingDown(): RefusedError {
  return new RefusedError(ErrorReason.SHUTTING_DOWN, "the server is shutting down: try again");
}

function tooManyPolls(): RefusedError {
  return new RefusedError(
    ErrorReason.SERVER_BUSY,
    `the server has ${maxPolls} open polls, as many as it may: try again with back-off`,
    { limit: String(maxPolls) },
  );
}
