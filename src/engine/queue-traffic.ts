/** How many tasks came into queues and went out to workers over the last minute, as far as this server brought it about. */
import type { RunState } from "../core/run-state.js";
import type { HandedTask } from "../core/transition.js";
import type { QueueName } from "../store/claim.js";
import { queueKey } from "./dispatch/task-queue.js";
import { announceReady } from "./ready-changes.js";

/** Tasks over the last minute. */
export interface Traffic {
  readonly queue: QueueName;
  readonly cameIn: number;
  readonly wentOut: number;
}

/** Counts tasks. */
export interface QueueTraffic {
  /** Takes in a step of a run that was committed, with the tasks of that run which it handed to polls. */
  note(before: RunState | undefined, after: RunState, handed: readonly HandedTask[]): void;
  /** The queues that had any. */
  read(): Traffic[];
}

/** A minute in slices, the one that is going on at the end of it, and the rest of the one at its beginning. */
const sliceMs = 5_000;
const minuteSlices = 12;
/** Beyond so many queues with traffic within a minute others are not counted. */
const maxQueues = 10_000;

interface Counter {
  readonly queue: QueueName;
  /** In turns; `at` is the number of the newest slice. */
  readonly cameIn: number[];
  readonly wentOut: number[];
  at: number;
}

/** Opens counters at nothing. */
export function openQueueTraffic(nowMs: () => number): QueueTraffic {
  const counters = new Map<string, Counter>();

  function count(queue: QueueName, direction: "cameIn" | "wentOut"): void {
    const key = queueKey(queue);
    const at = Math.floor(nowMs() / sliceMs);
    let counter = counters.get(key);
    if (counter === undefined) {
      if (counters.size >= maxQueues) forgetIdle(at);
      if (counters.size >= maxQueues) return;
      counter = { queue, cameIn: emptySlices(), wentOut: emptySlices(), at };
      counters.set(key, counter);
    }
    advance(counter, at);
    const slices = counter[direction];
    const slot = at % slices.length;
    slices[slot] = (slices[slot] ?? 0) + 1;
  }

  function forgetIdle(at: number): void {
    for (const [key, counter] of counters) if (at - counter.at > minuteSlices) counters.delete(key);
  }

  return {
    note(before, after, handed) {
      announceReady(before, after, (queue) => count(queue, "cameIn"));
      for (const task of handed) {
        const queue = queueOf(after, task);
        if (queue === undefined) continue;
        if (!wasReady(before, task)) count(queue, "cameIn");
        count(queue, "wentOut");
      }
    },
    read() {
      const now = nowMs();
      const at = Math.floor(now / sliceMs);
      forgetIdle(at);
      const oldestShare = 1 - (now / sliceMs - at);
      const sum = (slices: readonly number[]) =>
        slices.reduce(
          (total, n, slot) => total + (slot === (at + 1) % slices.length ? n * oldestShare : n),
          0,
        );
      return [...counters.values()].map((counter) => {
        advance(counter, at);
        return { queue: counter.queue, cameIn: sum(counter.cameIn), wentOut: sum(counter.wentOut) };
      });
    },
  };
}

function emptySlices(): number[] {
  return Array<number>(minuteSlices + 1).fill(0);
}

/** Empties the slices that have come since the newest one; the clock may go back a little, but what was counted stays. */
function advance(counter: Counter, at: number): void {
  const { cameIn, wentOut } = counter;
  for (let slice = Math.max(counter.at, at - cameIn.length) + 1; slice <= at; slice++) {
    cameIn[slice % cameIn.length] = 0;
    wentOut[slice % wentOut.length] = 0;
  }
  counter.at = Math.max(counter.at, at);
}

function queueOf(run: RunState, { kind, seq }: HandedTask): QueueName | undefined {
  const taskQueue = kind === "workflow" ? run.taskQueue : run.activities.get(seq)?.taskQueue;
  return taskQueue === undefined ? undefined : { kind, namespaceId: run.namespaceId, taskQueue };
}

/** Whether the task was counted before, when it became ready. */
function wasReady(before: RunState | undefined, { kind, seq }: HandedTask): boolean {
  const task = kind === "workflow" ? before?.workflowTask : before?.activities.get(seq);
  return task?.readyPosition !== undefined;
}
