/** The registered workers. Heartbeats stay in memory and are written together, one statement every so often. */
import { create, toBinary } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { type WorkerSpec, WorkerSpecSchema } from "../../gen/pawl/v1/worker_pb.js";
import { RefusedError } from "../core/errors.js";
import type { Micros } from "../core/run-state.js";
import type { Database } from "../store/database.js";
import {
  beatWorkers,
  drainWorker,
  findWorker,
  upsertWorker,
  type WorkerBeat,
  type WorkerRow,
} from "../store/workers.js";

/** Knows the workers. */
export interface WorkerRegistry {
  register(namespaceId: string, workerId: string, spec: WorkerSpec): Promise<void>;
  /** Throws WORKER_NOT_FOUND. */
  heartbeat(namespaceId: string, workerId: string, load: WorkerLoad): Promise<{ isDraining: boolean }>;
  /** Throws WORKER_NOT_FOUND. */
  drain(namespaceId: string, workerId: string): Promise<void>;
  /** The worker that polls, which is a sign of life. Throws WORKER_NOT_FOUND and WORKER_DRAINING. */
  findPolling(namespaceId: string, workerId: string): Promise<WorkerRow>;
  /** Notes a sign of life that says nothing of what the worker holds. */
  noteSeen(namespaceId: string, workerId: string): void;
  /** Writes the heartbeats that came since the last time. */
  flush(): Promise<void>;
}

/** What a worker holds. */
export interface WorkerLoad {
  readonly workflowTasks: number;
  readonly activityTasks: number;
}

/** A worker is asked for again after so long, so that a drain at another server is noticed. */
const keptMs = 5_000;

/** A worker that was silent for so long is dead. */
export const silentMicros = 90_000_000;

/** Opens a registry that knows nobody yet; `now` is the database's time. */
export function openWorkerRegistry(
  database: Database,
  now: () => Micros,
  nowMs: () => number = Date.now,
): WorkerRegistry {
  const known = new Map<string, { worker: WorkerRow; until: number }>();
  let beats = new Map<string, WorkerBeat>();

  /** What is kept is in the order in which it goes out of date. */
  function forgetOld(): void {
    for (const [key, { until }] of known) {
      if (until > nowMs()) return;
      known.delete(key);
    }
  }

  function noteBeat(namespaceId: string, workerId: string, load: WorkerLoad | undefined): void {
    const key = `${namespaceId}/${workerId}`;
    const { workflowTasks, activityTasks } = load ?? beats.get(key) ?? {};
    beats.set(key, { namespaceId, workerId, at: now(), workflowTasks, activityTasks });
  }

  async function find(namespaceId: string, workerId: string): Promise<WorkerRow> {
    const key = `${namespaceId}/${workerId}`;
    const cached = known.get(key);
    if (cached !== undefined && cached.until > nowMs()) return cached.worker;
    known.delete(key);
    const worker = await findWorker(database.read, namespaceId, workerId);
    if (worker === undefined) {
      throw workerNotFound(workerId);
    }
    forgetOld();
    known.set(key, { worker, until: nowMs() + keptMs });
    return worker;
  }

  async function flush(): Promise<void> {
    if (beats.size === 0) return;
    const written = beats;
    beats = new Map();
    try {
      await beatWorkers(database.read, [...written.values()]);
    } catch (error) {
      beats = new Map([...written, ...beats]);
      throw error;
    }
  }

  /** One that was dead is written alive before it can have anything again: else nobody would look for that if this server died right after. */
  async function writeRevival(namespaceId: string, workerId: string): Promise<void> {
    await flush();
    known.delete(`${namespaceId}/${workerId}`);
  }

  return {
    async register(namespaceId, workerId, spec) {
      const stored = toBinary(WorkerSpecSchema, create(WorkerSpecSchema, { ...spec, workerId }));
      const { taskQueues } = spec;
      await upsertWorker(database.read, { namespaceId, workerId, spec: stored, taskQueues, at: now() });
      known.delete(`${namespaceId}/${workerId}`);
    },
    async heartbeat(namespaceId, workerId, load) {
      const worker = await find(namespaceId, workerId);
      noteBeat(namespaceId, workerId, load);
      return { isDraining: worker.isDraining };
    },
    async drain(namespaceId, workerId) {
      const isKnown = await drainWorker(database.read, namespaceId, workerId);
      known.delete(`${namespaceId}/${workerId}`);
      if (!isKnown) throw workerNotFound(workerId);
    },
    async findPolling(namespaceId, workerId) {
      const worker = await find(namespaceId, workerId);
      noteBeat(namespaceId, workerId, undefined);
      if (worker.seenAt <= now() - silentMicros) await writeRevival(namespaceId, workerId);
      if (worker.isDraining) {
        throw new RefusedError(
          ErrorReason.WORKER_DRAINING,
          `worker "${workerId}" is draining: register anew to take tasks`,
          {
            worker_id: workerId,
          },
        );
      }
      return worker;
    },
    noteSeen: (namespaceId, workerId) => noteBeat(namespaceId, workerId, undefined),
    flush,
  };
}

function workerNotFound(workerId: string): RefusedError {
  return new RefusedError(
    ErrorReason.WORKER_NOT_FOUND,
    `there is no worker "${workerId}" in this namespace: register it again`,
    {
      worker_id: workerId,
    },
  );
}
