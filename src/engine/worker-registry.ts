/** The registered workers. Heartbeats stay in memory and are written together, one statement every so often. */
import { create, toBinary } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { type WorkerSpec, WorkerSpecSchema } from "../../gen/pawl/v1/worker_pb.js";
import { RefusedError } from "../core/errors.js";
import type { Micros } from "../core/run-state.js";
import type { Database } from "../store/database.js";
import { beatWorkers, drainWorker, upsertWorker, type WorkerBeat, type WorkerRow } from "../store/workers.js";
import { openKnownWorkers } from "./known-workers.js";
import { type WorkerName, workerKey } from "./worker-name.js";

/** Knows the workers. */
export interface WorkerRegistry {
  register(worker: WorkerName, spec: WorkerSpec): Promise<void>;
  /** Throws WORKER_NOT_FOUND. */
  heartbeat(worker: WorkerName, load: WorkerLoad): Promise<{ isDraining: boolean }>;
  /** Throws WORKER_NOT_FOUND. */
  drain(worker: WorkerName): Promise<void>;
  /** The worker that polls, which is a sign of life. Throws WORKER_NOT_FOUND and WORKER_DRAINING. */
  findPolling(worker: WorkerName): Promise<WorkerRow>;
  /** Looks anew whether a worker may take tasks no more. */
  isDraining(worker: WorkerName): Promise<boolean>;
  /** Another server has changed the worker with this hash: what is known of it holds no more. */
  forget(hash: string): void;
  /** Notes a sign of life that says nothing of what the worker holds. */
  noteSeen(worker: WorkerName): void;
  /** Writes the heartbeats that came since the last time. */
  flush(): Promise<void>;
}

/** What a worker holds. */
export interface WorkerLoad {
  readonly workflowTasks: number;
  readonly activityTasks: number;
}

/** A worker that was silent for so long is dead. */
export const silentMicros = 90_000_000;

/** Opens a registry that knows nobody yet; `now` is the database's time. */
export function openWorkerRegistry(
  database: Database,
  now: () => Micros,
  nowMs: () => number = Date.now,
): WorkerRegistry {
  const known = openKnownWorkers(database, nowMs);
  let beats = new Map<string, WorkerBeat>();

  function noteBeat(worker: WorkerName, load: WorkerLoad | undefined): void {
    const key = workerKey(worker);
    const { workflowTasks, activityTasks } = load ?? beats.get(key) ?? {};
    beats.set(key, { ...worker, at: now(), workflowTasks, activityTasks });
  }

  async function find(worker: WorkerName): Promise<WorkerRow> {
    const found = await known.find(worker);
    if (found === undefined) throw workerNotFound(worker.workerId);
    return found;
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

  return {
    async register(worker, spec) {
      const { taskQueues } = spec;
      const stored = toBinary(
        WorkerSpecSchema,
        create(WorkerSpecSchema, { ...spec, workerId: worker.workerId }),
      );
      await upsertWorker(database.read, { ...worker, spec: stored, taskQueues, at: now() });
      known.forget(worker);
    },
    async heartbeat(worker, load) {
      const { isDraining } = await find(worker);
      noteBeat(worker, load);
      return { isDraining };
    },
    async drain(worker) {
      const isKnown = await drainWorker(database.read, worker.namespaceId, worker.workerId);
      known.forget(worker);
      if (!isKnown) throw workerNotFound(worker.workerId);
    },
    async findPolling(worker) {
      const found = await find(worker);
      noteBeat(worker, undefined);
      // One that was dead is written alive before it can have anything again: else nobody would look for that if this server died right after.
      if (found.seenAt <= now() - silentMicros) {
        await flush();
        known.forget(worker);
      }
      if (found.isDraining) throw workerDraining(worker.workerId);
      return found;
    },
    isDraining: async (worker) => (await known.findNow(worker))?.isDraining ?? true,
    forget: known.forgetHash,
    noteSeen: (worker) => noteBeat(worker, undefined),
    flush,
  };
}

function workerDraining(workerId: string): RefusedError {
  return new RefusedError(
    ErrorReason.WORKER_DRAINING,
    `worker "${workerId}" is draining: register anew to take tasks`,
    { worker_id: workerId },
  );
}

function workerNotFound(workerId: string): RefusedError {
  return new RefusedError(
    ErrorReason.WORKER_NOT_FOUND,
    `there is no worker "${workerId}" in this namespace: register it again`,
    { worker_id: workerId },
  );
}
