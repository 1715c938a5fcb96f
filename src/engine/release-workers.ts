/**
 * Workers that were silent for so long that they are dead: what they held comes back at once, however long its leases would last.
 *
 * Nothing is stored by which a worker's tasks could be found, since that would make every task dearer for the sake of the few workers that die. So the
 * running runs of the dead worker's namespace are gone through, a bounded number in each pass. A worker of which nothing was found is not looked for again
 * until it is heard of.
 *
 * Silence is what a server has listened to: one that has just come up, or was cut off from the database, lets workers speak first. Else all of them
 * would lose what they do after every break that is longer than a worker may be silent.
 */
import { RefusedError } from "../core/errors.js";
import { releaseWorker } from "../core/release-worker.js";
import type { Micros } from "../core/run-state.js";
import {
  findDeadWorkers,
  findHeldRuns,
  type HeldRun,
  noteReleased,
  type RunCursor,
  type WorkerKey,
} from "../store/dead-workers.js";
import { onRun } from "./commit/operation.js";
import { isDatabaseTrouble } from "./database-trouble.js";
import type { Listening } from "./listening.js";
import type { EngineMetrics } from "./metrics.js";
import type { EngineParts } from "./parts.js";
import { silentMicros } from "./worker-registry.js";

/** A walk through the running runs of one namespace. */
interface Walk {
  readonly namespaceId: string;
  readonly silentSince: Micros;
  /** The dead workers; those of which something was found are taken out. */
  readonly free: Set<string>;
  readonly workerIds: readonly string[];
  after: RunCursor | undefined;
}

const maxWorkers = 1_000;
const maxRuns = 1_000;
const intervalMs = 10_000;

/** Makes the pass. It resolves with how long it can wait for the next, in milliseconds. */
export function openWorkerRelease(
  parts: EngineParts,
  listening: Listening,
  metrics: EngineMetrics,
): () => Promise<number> {
  let walk: Walk | undefined;
  /** The last worker that was looked for: each has its turn, however long others keep what they have. */
  let last: WorkerKey | undefined;

  async function begin(): Promise<Walk | undefined> {
    const silentSince = parts.clock.earliest() - silentMicros;
    const listeningSince = listening.since();
    if (listeningSince === undefined || listeningSince > silentSince) return undefined;
    const dead = await findDeadWorkers(parts.database.read, { silentSince, after: last, limit: maxWorkers });
    last = dead.at(-1);
    const namespaceId = last?.namespaceId;
    if (namespaceId === undefined) return undefined;
    const workerIds = dead.map(({ workerId }) => workerId);
    return { namespaceId, silentSince, workerIds, free: new Set(workerIds), after: undefined };
  }

  async function release({ namespaceId, silentSince }: Walk, held: HeldRun): Promise<void> {
    const { workflowId, runId, workerId } = held;
    try {
      const released = await parts.commit.submit(
        onRun({
          namespaceId,
          workflowId,
          runId,
          bytes: 500,
          isOwed: true,
          // Heartbeats are stored beside the run: a cached state lacks the newest ones.
          needsFresh: true,
          decide: (run, context) => releaseWorker(run, { workerId, silentSince }, context),
        }),
      );
      for (let n = 0; n < released.workflowTasks; n++) metrics.leaseExpired("workflow");
      for (let n = 0; n < released.activities; n++) metrics.leaseExpired("activity");
    } catch (error) {
      // It is found again by the next walk.
      if (error instanceof RefusedError || isDatabaseTrouble(error)) return;
      parts.fault("the tasks of a dead worker could not be taken back", error);
    }
  }

  return async () => {
    walk ??= await begin();
    if (walk === undefined) return intervalMs;
    const current = walk;
    const { namespaceId, workerIds, after, free, silentSince } = current;
    const { held, next } = await findHeldRuns(parts.database.read, {
      namespaceId,
      workerIds,
      after,
      limit: maxRuns,
    });
    for (const { workerId } of held) free.delete(workerId);
    await Promise.all(held.map((one) => release(current, one)));
    current.after = next;
    if (next !== undefined) return 0;
    walk = undefined;
    const released = [...free].map((workerId) => ({ namespaceId, workerId }));
    if (released.length > 0) await noteReleased(parts.database.read, released, silentSince);
    // There may be others behind these.
    return 0;
  };
}
