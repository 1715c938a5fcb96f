/** What a worker and the thread of its workflow code tell each other. */
import type { WorkflowTask } from "../../../../gen/pawl/v1/task_pb.js";
import type { WorkflowLogger } from "../../workflow/logger.js";
import type { TaskOutcome } from "../replayer.js";

/** What the thread is given to begin with. */
export interface ThreadData {
  /** The module of workflow code, as an address. */
  readonly module: string;
  readonly cachedRuns: number;
  readonly cacheMegabytes: number;
  /** Where the thread marks what holds it. */
  readonly marks: SharedArrayBuffer;
}

/** To the thread. Tasks are numbered by whoever sends them, from 1. */
export type ToThread =
  | { readonly kind: "task"; readonly number: number; readonly task: WorkflowTask }
  | { readonly kind: "forget"; readonly runId: string }
  | { readonly kind: "ping" };

/** From the thread. */
export type FromThread =
  | { readonly kind: "ready"; readonly workflowTypes: readonly string[] }
  /** There is no code to run, for the reason given. */
  | { readonly kind: "unusable"; readonly message: string }
  | { readonly kind: "outcome"; readonly number: number; readonly outcome: TaskOutcome }
  | {
      readonly kind: "log";
      readonly level: keyof WorkflowLogger;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "pong" };

/** Collects messages, and sends what has collected at the end of the turn of the event loop: a message costs much more than its neighbour does. */
export function createOutbox<T>(send: (messages: readonly T[]) => void) {
  let waiting: T[] = [];
  const flush = () => {
    if (waiting.length === 0) return;
    const messages = waiting;
    waiting = [];
    send(messages);
  };
  return {
    post(message: T) {
      if (waiting.push(message) === 1) setImmediate(flush);
    },
    /** Sends what has collected now. */
    flush,
  };
}
