/** Polling for tasks, for as long as the worker runs. */
import { randomUUID } from "node:crypto";
import { backOffMs } from "../connection.js";
import { isTransient } from "../errors.js";
import { waitAbortably } from "../wait.js";
import type { WorkerLogger } from "./logger.js";
import type { Registration } from "./registration.js";
import type { Slots } from "./slots.js";

/** How long a poll waits at the server for a task. */
export const pollWaitMs = 20_000;
/** How long a poll may be repeated with its request id, so that tasks of a lost answer are not lost; the server keeps answers for 30 s. */
const repeatableForMs = 25_000;
const refusedPauseMs = 1_000;

/** What polling needs. */
export interface PollLoop<T> {
  /** What is polled for, for the log. */
  readonly name: string;
  readonly slots: Slots;
  /** The most tasks of one poll. */
  readonly maxTasks: number;
  readonly registration: Registration;
  readonly logger: WorkerLogger;
  /** Aborted when no new poll shall begin. */
  readonly stopping: AbortSignal;
  poll(requestId: string, maxTasks: number): Promise<readonly T[]>;
  /** Works on a task; never rejects. */
  handle(task: T): Promise<void>;
}

/** Polls until the worker stops. Resolves when the last poll has ended; tasks may still be worked on. */
export async function pollForTasks<T>(loop: PollLoop<T>): Promise<void> {
  const { slots, stopping } = loop;
  while (!stopping.aborted) {
    const reserved = await slots.reserve(loop.maxTasks, stopping);
    if (reserved === 0) return;
    const tasks = await pollUntilAnswered(loop, reserved);
    for (const task of tasks) void loop.handle(task).finally(() => slots.release(1));
    slots.release(reserved - tasks.length);
  }
}

async function pollUntilAnswered<T>(loop: PollLoop<T>, maxTasks: number): Promise<readonly T[]> {
  const { name, registration, logger, stopping } = loop;
  let requestId = randomUUID();
  let begunAt = performance.now();
  for (let failures = 1; !stopping.aborted; failures++) {
    try {
      return await registration.call(() => loop.poll(requestId, maxTasks));
    } catch (error) {
      if (stopping.aborted) break;
      if (failures === 1) logger.warn("a poll failed; polling on", { for: name, error: String(error) });
      await waitAbortably(isTransient(error) ? backOffMs(failures) : refusedPauseMs, stopping);
      if (performance.now() - begunAt > repeatableForMs) {
        requestId = randomUUID();
        begunAt = performance.now();
      }
    }
  }
  return [];
}
