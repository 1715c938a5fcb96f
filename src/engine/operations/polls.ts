/** Long polls of workers for tasks. */
import { randomUUID } from "node:crypto";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ActivityTaskSchema, WorkflowTaskSchema } from "../../../gen/pawl/v1/task_pb.js";
import { WorkerSpecSchema } from "../../../gen/pawl/v1/worker_pb.js";
import type {
  PollActivityTasksRequest,
  PollWorkflowTasksRequest,
} from "../../../gen/pawl/v1/worker_service_pb.js";
import type { QueueName } from "../../store/claim.js";
import { buildActivityTask, buildWorkflowTask } from "../deliver.js";
import type { GivenTask } from "../dispatch/task-queue.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { msFromDuration } from "../time.js";
import { waitTimeOf } from "../wait.js";
import { activityTokenOf, returnActivity } from "./activity-tasks.js";
import { returnWorkflowTask, workflowTokenOf } from "./workflow-tasks.js";

/** How much of a response is kept free of tasks, in bytes. */
const responseMargin = 64 * 1024;

/** Takes workflow tasks. */
export async function pollWorkflowTasks(parts: EngineParts, request: PollWorkflowTasksRequest, call: Call) {
  const { workerId, isCaching } = request;
  const given = await poll(
    parts,
    request,
    { kind: "workflow", types: request.workflowTypes, isCaching },
    call,
  );
  const maxBytes = Math.floor((parts.maxRequestBytes - 2 * responseMargin) / Math.max(1, given.length));
  const build = (task: GivenTask) => buildWorkflowTask(parts, task, { workerId, isCaching }, maxBytes);
  return { tasks: await buildAll(parts, "workflow", given, build, WorkflowTaskSchema, call) };
}

/** Takes activities. */
export async function pollActivityTasks(parts: EngineParts, request: PollActivityTasksRequest, call: Call) {
  const given = await poll(
    parts,
    request,
    { kind: "activity", types: request.activityTypes, isCaching: false },
    call,
  );
  return {
    tasks: await buildAll(
      parts,
      "activity",
      given,
      (task) => buildActivityTask(parts, task),
      ActivityTaskSchema,
      call,
    ),
  };
}

/** Gives a task back that was not delivered; a fault on the way is left to the lease's end. */
export async function returnGivenTask(
  parts: EngineParts,
  kind: QueueName["kind"],
  { run, seq, epoch }: GivenTask,
): Promise<void> {
  if (kind === "workflow") {
    const token = workflowTokenOf(run, epoch);
    if (token !== undefined) await returnWorkflowTask(parts, token);
    return;
  }
  const activity = run.activities.get(seq);
  if (activity?.lease?.epoch === epoch) await returnActivity(parts, activityTokenOf(run, activity));
}

interface PollShape {
  readonly kind: QueueName["kind"];
  readonly types: readonly string[];
  readonly isCaching: boolean;
}

async function poll(
  parts: EngineParts,
  request: PollWorkflowTasksRequest | PollActivityTasksRequest,
  shape: PollShape,
  call: Call,
): Promise<GivenTask[]> {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const types = await typesOf(parts, namespaceId, request.workerId, shape);
  return parts.dispatch.poll(
    {
      queue: { kind: shape.kind, namespaceId, taskQueue: request.taskQueue },
      types,
      maxTasks: Math.max(1, request.maxTasks),
      waitMs: waitTimeOf(call, msFromDuration(request.wait), Date.now()),
      workerId: request.workerId,
      identity: request.identity,
      principal: call.principal,
      pollId: request.requestId === "" ? randomUUID() : request.requestId,
      isCaching: shape.isCaching,
    },
    call.signal,
  );
}

/** The types that a poll handles: those it names, else those its worker registered. */
async function typesOf(
  parts: EngineParts,
  namespaceId: string,
  workerId: string,
  shape: PollShape,
): Promise<readonly string[]> {
  if (workerId === "") return [...shape.types].sort();
  const worker = await parts.workers.findPolling(namespaceId, workerId);
  if (shape.types.length > 0) return [...shape.types].sort();
  const spec = fromBinary(WorkerSpecSchema, worker.spec);
  return [...(shape.kind === "workflow" ? spec.workflowTypes : spec.activityTypes)].sort();
}

/** Builds tasks until the response is full; what does not fit, or can't be built, is given back. */
async function buildAll<Desc extends DescMessage>(
  parts: EngineParts,
  kind: QueueName["kind"],
  given: readonly GivenTask[],
  build: (task: GivenTask) => Promise<MessageInitShape<Desc> | undefined>,
  schema: Desc,
  call: Call,
): Promise<MessageInitShape<Desc>[]> {
  const tasks: MessageInitShape<Desc>[] = [];
  let room = parts.maxRequestBytes - responseMargin;
  const built = await Promise.allSettled(given.map(build));
  let failure: unknown;
  for (const [index, task] of given.entries()) {
    const result = built[index];
    if (result?.status === "fulfilled" && result.value === undefined) continue;
    const message = result?.status === "fulfilled" ? create(schema, result.value) : undefined;
    if (result?.status === "rejected") failure = result.reason;
    // The first one always fits: a payload and a page are bounded far below a response.
    const bytes = message === undefined || given.length === 1 ? 0 : toBinary(schema, message).length;
    if (message === undefined || bytes > room || call.signal.aborted) {
      await returnGivenTask(parts, kind, task);
      continue;
    }
    tasks.push(message as MessageInitShape<Desc>);
    room -= bytes;
  }
  if (tasks.length === 0 && failure !== undefined) throw failure;
  return tasks;
}
