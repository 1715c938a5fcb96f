/** What this server has to do when, by what it wrote itself: the server that wrote a deadline acts on it, others take only what is overdue. */
import type { Micros } from "../core/run-state.js";

/** Something with a name that is due at some time. */
export type Due<Name> = Name & { readonly dueAt: Micros };

/** A bounded priority queue. What does not fit is found in the database when it is overdue. */
export interface DueQueue<Name> {
  /** Notes when something is due; an earlier note of it holds no more. */
  note(name: Name, dueAt: Micros | undefined): void;
  /** Takes out what is due by a time. */
  take(by: Micros, max: number): Due<Name>[];
  nextAt(): Micros | undefined;
  /** Called when the next due time comes earlier. */
  onEarlier(callback: () => void): void;
  size(): number;
  /** How many entries are in memory, those that hold no more included. */
  entries(): number;
}

/** How names are told apart and kept. */
export interface Naming<Name> {
  keyOf(name: Name): string;
  /** The name alone, where more was given. */
  nameOf(name: Name): Name;
}

/** So many entries that hold no more are not worth the work. */
const fewEntries = 1_000;

/** Opens an empty queue of at most so many entries. */
export function openDueQueue<Name extends object>(
  max: number,
  { keyOf, nameOf }: Naming<Name>,
): DueQueue<Name> {
  const heap: Due<Name>[] = [];
  /** What holds; entries of the heap that are not in here are passed over. */
  const valid = new Map<string, Due<Name>>();
  let callback: () => void = () => undefined;

  function dropInvalid(): void {
    while (heap[0] !== undefined && valid.get(keyOf(heap[0])) !== heap[0]) popHeap(heap);
  }

  /** Entries far in the future would else stay for as long, whatever has become of what they are of. */
  function compact(): void {
    heap.length = 0;
    for (const entry of valid.values()) pushHeap(heap, entry);
  }

  return {
    note(name, dueAt) {
      const key = keyOf(name);
      if (valid.get(key)?.dueAt === dueAt) return;
      valid.delete(key);
      if (dueAt === undefined || valid.size >= max) return;
      dropInvalid();
      const isEarlier = heap[0] === undefined || dueAt < heap[0].dueAt;
      const entry = { dueAt, ...nameOf(name) };
      valid.set(key, entry);
      pushHeap(heap, entry);
      dropInvalid();
      if (heap.length > 2 * valid.size + fewEntries) compact();
      if (isEarlier) callback();
    },
    take(by, max) {
      const taken: Due<Name>[] = [];
      for (dropInvalid(); heap[0] !== undefined && heap[0].dueAt <= by && taken.length < max; dropInvalid()) {
        const entry = popHeap(heap);
        if (entry === undefined) break;
        valid.delete(keyOf(entry));
        taken.push(entry);
      }
      return taken;
    },
    nextAt() {
      dropInvalid();
      return heap[0]?.dueAt;
    },
    onEarlier(called) {
      callback = called;
    },
    size: () => valid.size,
    entries: () => heap.length,
  };
}

interface Entry {
  readonly dueAt: Micros;
}

function pushHeap<E extends Entry>(heap: E[], entry: E): void {
  let index = heap.length;
  heap.push(entry);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || above.dueAt <= entry.dueAt) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = entry;
}

function popHeap<E extends Entry>(heap: E[]): E | undefined {
  const top = heap[0];
  const entry = heap.pop();
  if (top === undefined || entry === undefined || heap.length === 0) return top;
  let index = 0;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    const isRight = left !== undefined && right !== undefined && right.dueAt < left.dueAt;
    const child = isRight ? right : left;
    if (child === undefined || child.dueAt >= entry.dueAt) break;
    heap[index] = child;
    index = 2 * index + (isRight ? 2 : 1);
  }
  heap[index] = entry;
  return top;
}
