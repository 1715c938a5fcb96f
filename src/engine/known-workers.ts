/** Workers that were asked for lately. What is known of one is read again after a while, and once it is known to have changed. */
import type { Database } from "../store/database.js";
import { findWorker, type WorkerRow } from "../store/workers.js";
import { type WorkerName, workerHash, workerKey } from "./worker-name.js";

/** Finds workers. */
export interface KnownWorkers {
  /** The worker, as it was a few seconds ago at the most. */
  find(worker: WorkerName): Promise<WorkerRow | undefined>;
  /** The worker as it is now. */
  findNow(worker: WorkerName): Promise<WorkerRow | undefined>;
  /** The worker has changed. */
  forget(worker: WorkerName): void;
  /** Another server has changed the worker with this hash. */
  forgetHash(hash: string): void;
}

interface KnownWorker {
  readonly worker: WorkerRow;
  readonly until: number;
  /** Once it was asked for. */
  hash?: string;
}

/** A worker is asked for again after so long, in case nobody has told of a change. */
const keptMs = 5_000;

/** Opens a keeper that knows nobody yet. */
export function openKnownWorkers(database: Database, nowMs: () => number): KnownWorkers {
  const known = new Map<string, KnownWorker>();
  /** Reads under way: one that began before a change may have missed it. */
  const reads = new Set<WorkerName & { isStale: boolean }>();

  /** What is kept is in the order in which it goes out of date. */
  function forgetOld(): void {
    for (const [key, { until }] of known) {
      if (until > nowMs()) return;
      known.delete(key);
    }
  }

  async function findNow(name: WorkerName): Promise<WorkerRow | undefined> {
    const key = workerKey(name);
    for (;;) {
      known.delete(key);
      const read = { ...name, isStale: false };
      reads.add(read);
      try {
        const worker = await findWorker(database.read, name.namespaceId, name.workerId);
        if (read.isStale) continue;
        forgetOld();
        if (worker !== undefined) known.set(key, { worker, until: nowMs() + keptMs });
        return worker;
      } finally {
        reads.delete(read);
      }
    }
  }

  return {
    async find(name) {
      const cached = known.get(workerKey(name));
      return cached !== undefined && cached.until > nowMs() ? cached.worker : findNow(name);
    },
    findNow,
    forget(name) {
      const key = workerKey(name);
      known.delete(key);
      for (const read of reads) if (workerKey(read) === key) read.isStale = true;
    },
    forgetHash(hash) {
      for (const [key, entry] of known) {
        entry.hash ??= workerHash(entry.worker);
        if (entry.hash === hash) known.delete(key);
      }
      for (const read of reads) if (workerHash(read) === hash) read.isStale = true;
    },
  };
}
