/**
 * For which tasks workers are there: those that were seen to poll lately, at this server or at the others as they last told, and those that have
 * registered for them and are alive, which do not poll while all their slots are taken.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { WorkerSpecSchema } from "../../gen/pawl/v1/worker_pb.js";
import type { Micros } from "../core/run-state.js";
import type { TaskNeed } from "../core/waiting.js";
import type { QueueName } from "../store/claim.js";
import type { Database } from "../store/database.js";
import { readServerLoads } from "../store/servers.js";
import { listWorkers, type WorkerRow } from "../store/workers.js";
import type { Dispatch } from "./dispatch/dispatch.js";
import type { Handled } from "./dispatch/handled-types.js";
import { queueKey } from "./dispatch/task-queue.js";
import { silentMicros } from "./worker-registry.js";

/** Tells who was seen. */
export interface SeenPolls {
  /** What this server has to tell the others of its polls: parts of its load. */
  told(): unknown[];
  /** Reads what all servers have seen. The answer tells of tasks of a namespace whether a worker is there that takes such. */
  read(namespaceId: string): Promise<(need: TaskNeed) => boolean>;
}

/** What telling works with. */
export interface SeenPollsParts {
  readonly database: Database;
  readonly serverId: string;
  readonly dispatch: Pick<Dispatch, "handledTypes">;
  /** The database's time. */
  now(): Micros;
}

/** What polls of one side of a queue have handled, as servers tell it. Null: all types. Older servers pass it over. */
type ToldPolls = readonly [
  what: typeof pollsMark,
  kind: QueueName["kind"],
  namespaceId: string,
  taskQueue: string,
  types: readonly string[] | null,
];

const pollsMark = "polls";
/** Told by a server that has more queues than it tells of: whatever it does not name may be polled. */
const moreMark = "more-polls";
/** A server tells of so many queues, and of so many types of all of them together; of a queue beyond, that it handles all types. */
const mostQueues = 1_000;
const mostTypes = 2_000;
/** So many registered workers are looked at, and so many bytes of what they told; where there are more, any of these may be the one. */
const mostWorkers = 1_000;
const mostWorkerBytes = 4 * 1024 * 1024;

/** Opens what tells. */
export function openSeenPolls({ database, serverId, dispatch, now }: SeenPollsParts): SeenPolls {
  function own(): unknown[] {
    const queues = dispatch.handledTypes();
    let room = mostTypes;
    const told = queues.slice(0, mostQueues).map(({ queue, types }): ToldPolls => {
      const { kind, namespaceId, taskQueue } = queue;
      const named = types === "all" || types.size > room ? null : [...types];
      room -= named?.length ?? 0;
      return [pollsMark, kind, namespaceId, taskQueue, named];
    });
    return queues.length > mostQueues ? [...told, [moreMark]] : told;
  }

  function isAlive({ isDraining, seenAt }: WorkerRow): boolean {
    return !isDraining && seenAt > now() - silentMicros;
  }

  return {
    told: own,
    async read(namespaceId) {
      const seenSince = now() - silentMicros;
      const bounds = { after: "", limit: mostWorkers + 1, maxBytes: mostWorkerBytes };
      const asked = { namespaceId, taskQueue: "", seenSince, ...bounds };
      const [others, { workers, found }] = await Promise.all([
        readServerLoads(database.read, serverId),
        listWorkers(database.read, asked),
      ]);
      const told = [own(), ...others].flatMap((load) => (Array.isArray(load) ? load : []));
      if (told.some(isMore) || found > Math.min(workers.length, mostWorkers)) return () => true;
      const handled = joinPolls([
        ...told.filter(isToldPolls),
        ...workers.filter(isAlive).flatMap(registeredPolls),
      ]);
      return ({ kind, taskQueue, type }) => {
        const types = handled.get(queueKey({ kind, namespaceId, taskQueue }));
        return types === "all" || types?.has(type) === true;
      };
    },
  };
}

/** What a worker has registered for by name. One that names no types of a side may not poll that side at all. */
function registeredPolls({ namespaceId, spec }: WorkerRow): ToldPolls[] {
  const { taskQueues, workflowTypes, activityTypes } = fromBinary(WorkerSpecSchema, spec);
  return taskQueues.flatMap((taskQueue): ToldPolls[] => [
    [pollsMark, "workflow", namespaceId, taskQueue, workflowTypes],
    [pollsMark, "activity", namespaceId, taskQueue, activityTypes],
  ]);
}

function joinPolls(told: readonly ToldPolls[]): Map<string, Handled> {
  const handled = new Map<string, Handled>();
  for (const [, kind, namespaceId, taskQueue, types] of told) {
    const key = queueKey({ kind, namespaceId, taskQueue });
    const known = handled.get(key) ?? new Set();
    handled.set(key, types === null || known === "all" ? "all" : new Set([...known, ...types]));
  }
  return handled;
}

function isMore(value: unknown): boolean {
  return Array.isArray(value) && value[0] === moreMark;
}

/** Whether it is understood: a server may be of another version. */
function isToldPolls(value: unknown): value is ToldPolls {
  if (!Array.isArray(value)) return false;
  const [mark, kind, namespaceId, taskQueue, types]: unknown[] = value;
  const isQueue = typeof namespaceId === "string" && typeof taskQueue === "string";
  const areTypes =
    types === null || (Array.isArray(types) && types.every((type: unknown) => typeof type === "string"));
  return mark === pollsMark && (kind === "workflow" || kind === "activity") && isQueue && areTypes;
}
