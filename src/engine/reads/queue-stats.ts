/** Telling the load of task queues. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { TaskKind } from "../../../gen/pawl/v1/namespace_pb.js";
import type { GetQueueStatsRequest } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { timestampOf } from "../../core/time.js";
import type { QueueName } from "../../store/claim.js";
import { countQueueTasks, type QueueTasks } from "../../store/queue-tasks.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import type { QueueLoad } from "../queue-loads.js";

/** One answer has room for so many queues, however long their names. */
const maxQueues = 5_000;
const sides: readonly QueueName["kind"][] = ["workflow", "activity"];
const secondsOfRates = 60;

/** Tells the load of a queue, or of all queues of a namespace that have tasks, polls, or had traffic within the last minute: both sides of each. */
export async function getQueueStats(parts: EngineParts, request: GetQueueStatsRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { taskQueue } = request;
  const ask = { namespaceId, taskQueue, limit: sides.length * maxQueues + 1 };
  const [tasks, allLoads] = await Promise.all([
    countQueueTasks(parts.database.read, ask),
    parts.queueLoads.read(namespaceId),
  ]);
  const loads = allLoads.filter(({ queue }) => taskQueue === "" || queue.taskQueue === taskQueue);
  const named = taskQueue === "" ? [] : [taskQueue];
  const loaded = loads.map(({ queue }) => queue.taskQueue);
  const names = [...new Set([...named, ...loaded, ...tasks.map((row) => row.taskQueue)])].sort();
  if (names.length > maxQueues) throw tooManyQueues();
  const tasksOf = new Map(tasks.map((row) => [sideKey(row), row]));
  const loadOf = new Map(loads.map((load) => [sideKey(load.queue), load]));
  const queues = names.flatMap((name) =>
    sides.map((kind) => {
      const side = { kind, taskQueue: name };
      return statsOf(side, tasksOf.get(sideKey(side)), loadOf.get(sideKey(side)));
    }),
  );
  return { queues };
}

type Side = Pick<QueueName, "kind" | "taskQueue">;

function sideKey({ kind, taskQueue }: Side): string {
  return `${kind}/${taskQueue}`;
}

function statsOf({ kind, taskQueue }: Side, tasks: QueueTasks | undefined, load: QueueLoad | undefined) {
  const oldest = tasks?.oldestReadyAt;
  return {
    taskQueue,
    kind: kind === "workflow" ? TaskKind.WORKFLOW : TaskKind.ACTIVITY,
    ready: BigInt(tasks?.ready ?? 0),
    running: BigInt(tasks?.running ?? 0),
    backingOff: BigInt(tasks?.backingOff ?? 0),
    ...(oldest === undefined ? {} : { oldestReadyTime: timestampOf(oldest) }),
    pollers: load?.pollers ?? 0,
    rateIn: (load?.cameIn ?? 0) / secondsOfRates,
    rateOut: (load?.wentOut ?? 0) / secondsOfRates,
  };
}

function tooManyQueues(): RefusedError {
  return new RefusedError(
    ErrorReason.CALL_LIMIT,
    `the namespace has more than ${maxQueues} task queues, as many as one answer may tell of: ask for one of them`,
    { limit: String(maxQueues) },
  );
}
