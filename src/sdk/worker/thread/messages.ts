/** What a worker and the thread of its workflow code tell each other. */
import type { WorkflowLogger } from "../../workflow/logger.js";
import type { MadeBy } from "../replay-task.js";
import type { TaskOutcome } from "../replayer.js";

/** What the thread is given to begin with. */
export interface ThreadData {
  /** The module of workflow code, as an address. */
  readonly module: string;
  readonly cachedRuns: number;
  readonly cacheMegabytes: number;
  readonly madeBy: MadeBy;
  /** Where the thread marks what holds it. */
  readonly marks: SharedArrayBuffer;
}

/** To the thread. */
export type ToThread =
  /** The bytes are the task. Tasks are numbered by whoever sends them, from 1. */
  | { readonly kind: "task"; readonly number: number }
  | { readonly kind: "forget"; readonly runId: string }
  | { readonly kind: "ping" };

/** From the thread. */
export type FromThread =
  | { readonly kind: "ready"; readonly workflowTypes: readonly string[] }
  /** There is no code to run, for the reason given. */
  | { readonly kind: "unusable"; readonly message: string }
  /** The bytes are the completion. */
  | { readonly kind: "completed"; readonly number: number }
  | {
      readonly kind: "outcome";
      readonly number: number;
      readonly outcome: Exclude<TaskOutcome, { readonly kind: "completed" }>;
    }
  | {
      readonly kind: "log";
      readonly level: keyof WorkflowLogger;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "pong" };

/** Messages that go together, with the bytes of all of them in one piece: pieces cost more to send than what is in them. */
export interface Parcel<T> {
  readonly messages: readonly T[];
  /** How many of the bytes belong to each message. */
  readonly lengths: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const noBytes = new Uint8Array();

/** Collects messages, and sends what has collected at the end of the turn of the event loop. */
export function createOutbox<T>(send: (parcel: Parcel<T>, transferred: readonly ArrayBuffer[]) => void) {
  let messages: T[] = [];
  let pieces: Uint8Array[] = [];
  const flush = () => {
    const parcel = { messages, lengths: pieces.map(({ length }) => length), bytes: join(pieces) };
    messages = [];
    pieces = [];
    send(parcel, [parcel.bytes.buffer]);
  };
  return {
    post(message: T, bytes: Uint8Array = noBytes) {
      pieces.push(bytes);
      if (messages.push(message) === 1) setImmediate(flush);
    },
  };
}

/** Gives each message of a parcel, with its bytes, in order. */
export function openParcel<T>(
  { messages, lengths, bytes }: Parcel<T>,
  receive: (message: T, bytes: Uint8Array) => void,
): void {
  let end = 0;
  for (const [index, message] of messages.entries()) {
    const begin = end;
    end += lengths[index] ?? 0;
    receive(message, bytes.subarray(begin, end));
  }
}

/** Not by Buffer.concat, whose memory is not its own and can't be handed over. */
function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const piece of pieces) {
    joined.set(piece, end);
    end += piece.length;
  }
  return joined;
}
