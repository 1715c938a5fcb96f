/** One thread of workflow code, from its start to its end. */
import type { Worker } from "node:worker_threads";
import type { WorkflowLogger } from "../../workflow/logger.js";
import type { TaskOutcome } from "../replayer.js";
import type { SealedTask } from "../sealed-tasks.js";
import { findHeldPlace } from "./held-place.js";
import { WorkflowModuleError } from "./load-workflows.js";
import { createMarks, readMarks } from "./marks.js";
import {
  createOutbox,
  type FromThread,
  openParcel,
  type Parcel,
  type ThreadData,
  type ToThread,
} from "./messages.js";
import { startThread, type ThreadOptions } from "./start-thread.js";
import { type Watchdog, watchThread } from "./watchdog.js";

/** What a thread needs. */
export interface WorkflowThreadParts extends Omit<ThreadData, "marks">, ThreadOptions {
  /** How long a turn of workflow code may hold the thread, in milliseconds. */
  readonly turnLimitMs: number;
  readonly workflowLogger: WorkflowLogger;
}

/** A thread. */
export interface WorkflowThread {
  /** The types that its module exports. Rejects with a WorkflowModuleError if it has none. */
  readonly workflowTypes: Promise<readonly string[]>;
  /** Whether it has ended. */
  readonly isLost: boolean;
  /** Takes a task through the thread's code. Rejects with a ThreadLostError if the thread ends first. */
  replay(task: Pick<SealedTask, "bytes">): Promise<TaskOutcome>;
  forget(runId: string): void;
  stop(): Promise<void>;
}

/** A thread ended with tasks in hand. */
export class ThreadLostError extends Error {
  override readonly name = "ThreadLostError";
  /** Whether the code of this task ended it. */
  readonly isCulprit: boolean;

  constructor(message: string, isCulprit: boolean) {
    super(message);
    this.isCulprit = isCulprit;
  }
}

interface InHand {
  resolve(outcome: TaskOutcome): void;
  reject(error: Error): void;
}

/** Starts a thread. */
export function openWorkflowThread(parts: WorkflowThreadParts): WorkflowThread {
  const { module, cachedRuns, cacheMegabytes, madeBy, turnLimitMs } = parts;
  const marks = createMarks();
  const thread = startThread({ module, cachedRuns, cacheMegabytes, madeBy, marks }, parts);
  const inHand = new Map<number, InHand>();
  const outbox = createOutbox<ToThread>((parcel, transferred) => thread.postMessage(parcel, transferred));
  let tasks = 0;
  let isLost = false;

  const lose = (culprit: number, why: string) => {
    if (isLost) return;
    isLost = true;
    watchdog.stop();
    start.reject(new WorkflowModuleError(`the thread of ${module} could not start: ${why}`));
    for (const [number, { reject }] of inHand) reject(new ThreadLostError(why, number === culprit));
    inHand.clear();
    void thread.terminate();
  };
  const watchdog = watchThread({
    marks,
    limitMs: turnLimitMs,
    isBusy: () => inHand.size > 0,
    ping: () => outbox.post({ kind: "ping" }),
    onHeld: (task) => void endHeld(task),
  });
  const endHeld = async (task: number) => {
    const { place, release } = await findHeldPlace(thread);
    const where = place === undefined ? "" : ` at ${place}`;
    lose(task, `held its thread for more than ${turnLimitMs / 1_000} s${where}`);
    release();
  };
  const start = withResolvers<readonly string[]>();
  listen({ thread, parts, inHand, watchdog, start });
  thread.on("error", (error) => lose(readMarks(marks).task, `ended its thread with ${String(error)}`));
  thread.on("exit", (code) => lose(readMarks(marks).task, `ended its thread with exit code ${code}`));

  return {
    workflowTypes: start.promise,
    get isLost() {
      return isLost;
    },
    replay({ bytes }) {
      if (isLost) return Promise.reject(new ThreadLostError("the thread has ended", false));
      const number = ++tasks;
      outbox.post({ kind: "task", number }, bytes);
      return new Promise((resolve, reject) => inHand.set(number, { resolve, reject }));
    },
    forget: (runId) => outbox.post({ kind: "forget", runId }),
    async stop() {
      lose(0, "stopped with its worker");
      await thread.terminate();
    },
  };
}

interface Listening {
  readonly thread: Worker;
  readonly parts: WorkflowThreadParts;
  readonly inHand: Map<number, InHand>;
  readonly watchdog: Watchdog;
  readonly start: ReturnType<typeof withResolvers<readonly string[]>>;
}

function listen({ thread, parts, inHand, watchdog, start }: Listening): void {
  const end = (number: number, outcome: TaskOutcome) => {
    inHand.get(number)?.resolve(outcome);
    inHand.delete(number);
  };
  const hear = (message: FromThread, bytes: Uint8Array) => {
    switch (message.kind) {
      case "ready":
        return start.resolve(message.workflowTypes);
      case "unusable":
        return start.reject(new WorkflowModuleError(message.message));
      case "completed":
        return end(message.number, { kind: "completed", completion: bytes });
      case "outcome":
        return end(message.number, message.outcome);
      case "log":
        return parts.workflowLogger[message.level](message.message, message.fields);
      case "pong":
        return watchdog.sawLife();
    }
  };
  thread.on("message", (parcel: Parcel<FromThread>) => openParcel(parcel, hear));
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
