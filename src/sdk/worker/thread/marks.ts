/** Memory that a thread shares with its worker, where it marks what holds it: it can't be asked while it is held. */
import type { TurnWatch } from "../../replay/turn-watch.js";

const heldBy = 0;
const turns = 1;

/** What a thread's marks say. */
export interface Marks {
  /** The number of the task whose code holds the thread; 0 if none does. */
  readonly task: number;
  /** How often code has begun to hold it. */
  readonly turns: number;
}

/** Makes the memory, with nothing marked. */
export function createMarks(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
}

/** Reads the marks, from any thread. */
export function readMarks(memory: SharedArrayBuffer): Marks {
  const cells = new Int32Array(memory);
  return { task: Atomics.load(cells, heldBy), turns: Atomics.load(cells, turns) };
}

/** Marks when the code of a task holds the thread. */
export function markTurns(memory: SharedArrayBuffer, task: number): TurnWatch {
  const cells = new Int32Array(memory);
  return {
    begin() {
      Atomics.add(cells, turns, 1);
      Atomics.store(cells, heldBy, task);
    },
    end: () => void Atomics.store(cells, heldBy, 0),
  };
}
