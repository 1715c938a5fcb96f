/** Who waits on queues and how many tasks pass through them: at this server, and as the others last told. */
import type { QueueName } from "../store/claim.js";
import type { Database } from "../store/database.js";
import { readServerLoads } from "../store/servers.js";
import type { Dispatch } from "./dispatch/dispatch.js";
import { queueKey } from "./dispatch/task-queue.js";
import type { QueueTraffic } from "./queue-traffic.js";
import type { SeenPolls } from "./seen-polls.js";

/** What goes on in one side of a queue. */
export interface QueueLoad {
  readonly queue: QueueName;
  /** How many polls wait. */
  readonly pollers: number;
  /** How many tasks came in, and were given out, over the last minute. */
  readonly cameIn: number;
  readonly wentOut: number;
}

/** Tells loads. */
export interface QueueLoads {
  /** What this server has to tell the others, as JSON; undefined if there is nothing. */
  publish(): string | undefined;
  /** The loads of a namespace over all servers. */
  read(namespaceId: string): Promise<QueueLoad[]>;
}

/** What loads are made of. */
export interface QueueLoadParts {
  readonly database: Database;
  readonly serverId: string;
  readonly dispatch: Dispatch;
  readonly traffic: QueueTraffic;
  readonly seenPolls: Pick<SeenPolls, "told">;
}

/** A load as servers tell it. */
type ToldLoad = readonly [
  kind: QueueName["kind"],
  namespaceId: string,
  taskQueue: string,
  pollers: number,
  cameIn: number,
  wentOut: number,
];

/** A server tells of so many queues at the most, those with the most polls and tasks. */
const mostTold = 1_000;

/** Opens what tells loads. */
export function openQueueLoads({
  database,
  serverId,
  dispatch,
  traffic,
  seenPolls,
}: QueueLoadParts): QueueLoads {
  function own(): QueueLoad[] {
    const waiting = dispatch.openPolls().map(({ queue, count }) => loadOf(queue, { pollers: count }));
    const passing = traffic.read().map(({ queue, ...counts }) => loadOf(queue, counts));
    return sumUp([...waiting, ...passing]);
  }

  return {
    publish() {
      const loads = own().filter((load) => weightOf(load) > 0);
      const heaviest = loads.sort((a, b) => weightOf(b) - weightOf(a)).slice(0, mostTold);
      const told = [...heaviest.map(toldLoad), ...seenPolls.told()];
      return told.length === 0 ? undefined : JSON.stringify(told);
    },
    async read(namespaceId) {
      const others = (await readServerLoads(database.read, serverId)).flatMap(readLoads);
      return sumUp([...own(), ...others].filter(({ queue }) => queue.namespaceId === namespaceId));
    },
  };
}

function loadOf(queue: QueueName, counts: Partial<Omit<QueueLoad, "queue">>): QueueLoad {
  return { queue, pollers: 0, cameIn: 0, wentOut: 0, ...counts };
}

function sumUp(loads: readonly QueueLoad[]): QueueLoad[] {
  const byQueue = new Map<string, QueueLoad>();
  for (const load of loads) {
    const key = queueKey(load.queue);
    const { pollers, cameIn, wentOut } = byQueue.get(key) ?? loadOf(load.queue, {});
    byQueue.set(key, {
      queue: load.queue,
      pollers: pollers + load.pollers,
      cameIn: cameIn + load.cameIn,
      wentOut: wentOut + load.wentOut,
    });
  }
  return [...byQueue.values()];
}

function weightOf({ pollers, cameIn, wentOut }: QueueLoad): number {
  return pollers + cameIn + wentOut;
}

function toldLoad({ queue, pollers, cameIn, wentOut }: QueueLoad): ToldLoad {
  const { kind, namespaceId, taskQueue } = queue;
  return [kind, namespaceId, taskQueue, pollers, rounded(cameIn), rounded(wentOut)];
}

function rounded(count: number): number {
  return Math.round(count * 10) / 10;
}

/** Reads what a server told, which may be of another version: what is not understood is passed over. */
function readLoads(told: unknown): QueueLoad[] {
  if (!Array.isArray(told)) return [];
  return told.filter(isToldLoad).map(([kind, namespaceId, taskQueue, ...counts]) => {
    const [pollers, cameIn, wentOut] = counts;
    return { queue: { kind, namespaceId, taskQueue }, pollers, cameIn, wentOut };
  });
}

function isToldLoad(value: unknown): value is ToldLoad {
  if (!Array.isArray(value)) return false;
  const [kind, namespaceId, taskQueue, ...counts]: unknown[] = value;
  const isQueue = typeof namespaceId === "string" && typeof taskQueue === "string";
  const areCounts = counts.length === 3 && counts.every((count) => typeof count === "number");
  return (kind === "workflow" || kind === "activity") && isQueue && areCounts;
}
