/** The runs whose wake-up this server wrote, by when it is due: the server that wrote a deadline acts on it, others take only what is overdue. */
import type { Micros } from "../core/run-state.js";

/** A run that is to be woken. */
export interface DueRun {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly dueAt: Micros;
}

/** A bounded priority queue of runs. What does not fit is found in the database when it is overdue. */
export interface DueRuns {
  /** Notes when a run is due; an earlier note of it holds no more. */
  note(run: Omit<DueRun, "dueAt">, dueAt: Micros | undefined): void;
  /** Takes out what is due by a time. */
  take(by: Micros, max: number): DueRun[];
  nextAt(): Micros | undefined;
  /** Called when the next due time comes earlier. */
  onEarlier(callback: () => void): void;
  size(): number;
  /** How many entries are in memory, those that hold no more included. */
  entries(): number;
}

/** So many entries that hold no more are not worth the work. */
const fewEntries = 1_000;

/** Opens an empty queue of at most so many runs. */
export function openDueRuns(maxRuns: number): DueRuns {
  const heap: DueRun[] = [];
  /** What holds; entries of the heap that are not in here are passed over. */
  const valid = new Map<string, DueRun>();
  let callback: () => void = () => undefined;

  function dropInvalid(): void {
    while (heap[0] !== undefined && valid.get(heap[0].runId) !== heap[0]) popHeap(heap);
  }

  /** Entries far in the future would else stay for as long, whatever has become of their runs. */
  function compact(): void {
    heap.length = 0;
    for (const entry of valid.values()) pushHeap(heap, entry);
  }

  return {
    note(run, dueAt) {
      const known = valid.get(run.runId);
      if (known?.dueAt === dueAt) return;
      valid.delete(run.runId);
      if (dueAt === undefined || valid.size >= maxRuns) return;
      dropInvalid();
      const isEarlier = heap[0] === undefined || dueAt < heap[0].dueAt;
      const entry = { namespaceId: run.namespaceId, workflowId: run.workflowId, runId: run.runId, dueAt };
      valid.set(run.runId, entry);
      pushHeap(heap, entry);
      dropInvalid();
      if (heap.length > 2 * valid.size + fewEntries) compact();
      if (isEarlier) callback();
    },
    take(by, max) {
      const taken: DueRun[] = [];
      for (dropInvalid(); heap[0] !== undefined && heap[0].dueAt <= by && taken.length < max; dropInvalid()) {
        const entry = popHeap(heap);
        if (entry === undefined) break;
        valid.delete(entry.runId);
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

function pushHeap(heap: DueRun[], entry: DueRun): void {
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

function popHeap(heap: DueRun[]): DueRun | undefined {
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
