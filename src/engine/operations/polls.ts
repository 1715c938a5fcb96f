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
import type { PollAnswer } from "../dispatch/poll-answers.js";
import type { GivenTask } from "../dispatch/task-queue.js";
import type { Call } from "../engine.js";
import { estimateBytes } from "../estimate-bytes.js";
import type { EngineParts } from "../parts.js";
import { elementBytes, mostResponseBytes } from "../response-size.js";
import { msFromDuration } from "../time.js";
import { waitTimeOf } from "../wait.js";
import { activityTokenOf, returnActivity } from "./activity-tasks.js";
import { returnWorkflowTask, workflowTokenOf } from "./workflow-tasks.js";

/** What a workflow task has beside its history, in bytes. */
const taskFrame = 64 * 1024;

/** Takes workflow tasks. */
export async function pollWorkflowTasks(parts: EngineParts, request: PollWorkflowTasksRequest, call: Call) {
  const { workerId, isCaching } = request;
  const shape: PollShape = { kind: "workflow", types: request.workflowTypes, isCaching };
  const tasks = await parts.workflowPolls.ask(keyOf(request, call), call.signal, async (signal) => {
    const given = await poll(parts, request, shape, { ...call, signal });
    const maxBytes = Math.floor((mostResponseBytes(parts) - taskFrame) / Math.max(1, given.length));
    const build = (task: GivenTask) => buildWorkflowTask(parts, task, { workerId, isCaching }, maxBytes);
    return deliver(parts, given, { kind: "workflow", schema: WorkflowTaskSchema, build, signal });
  });
  return { tasks: [...tasks] };
}

/** Takes activities. */
export async function pollActivityTasks(parts: EngineParts, request: PollActivityTasksRequest, call: Call) {
  const shape: PollShape = { kind: "activity", types: request.activityTypes, isCaching: false };
  const tasks = await parts.activityPolls.ask(keyOf(request, call), call.signal, async (signal) => {
    const given = await poll(parts, request, shape, { ...call, signal });
    const build = (task: GivenTask) => buildActivityTask(parts, task);
    return deliver(parts, given, { kind: "activity", schema: ActivityTaskSchema, build, signal });
  });
  return { tasks: [...tasks] };
}

/** Names a poll among all of its kind; undefined if it has no request id, and can't be repeated. */
function keyOf(
  { namespace, taskQueue, workerId, requestId }: PollWorkflowTasksRequest | PollActivityTasksRequest,
  { principal }: Call,
): string | undefined {
  if (requestId === "") return undefined;
  return JSON.stringify([namespace, taskQueue, workerId, principal, requestId]);
}

/** Gives a task back that was not delivered; a fault on the way is reported, and left to the lease's end. */
export async function returnGivenTask(
  parts: EngineParts,
  kind: QueueName["kind"],
  { run, seq, epoch, query }: GivenTask,
): Promise<void> {
  if (query !== undefined) return parts.queries.undelivered(query.queryId);
  try {
    const activity = run.activities.get(seq);
    const token = kind === "workflow" ? workflowTokenOf(run, epoch) : undefined;
    if (token !== undefined) await returnWorkflowTask(parts, token);
    else if (kind === "activity" && activity?.lease?.epoch === epoch)
      await returnActivity(parts, activityTokenOf(run, activity));
  } catch (error) {
    parts.fault("a task could not be given back", error);
  }
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
  const given = await parts.dispatch.poll(
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
  // Whoever takes a task is there; that it began to poll may be a minute ago.
  if (given.length > 0 && request.workerId !== "")
    parts.workers.noteSeen({ namespaceId, workerId: request.workerId });
  return given;
}

/** The types that a poll handles: those it names, else those its worker registered. */
async function typesOf(
  parts: EngineParts,
  namespaceId: string,
  workerId: string,
  shape: PollShape,
): Promise<readonly string[]> {
  if (workerId === "") return [...shape.types].sort();
  const worker = await parts.workers.findPolling({ namespaceId, workerId });
  if (shape.types.length > 0) return [...shape.types].sort();
  const spec = fromBinary(WorkerSpecSchema, worker.spec);
  return [...(shape.kind === "workflow" ? spec.workflowTypes : spec.activityTypes)].sort();
}

/** How given tasks become messages of one response. */
export interface Delivery<Desc extends DescMessage> {
  readonly kind: QueueName["kind"];
  readonly schema: Desc;
  build(task: GivenTask): Promise<MessageInitShape<Desc> | undefined>;
  readonly signal: AbortSignal;
}

type Tasks<Desc extends DescMessage> = readonly MessageInitShape<Desc>[];

/** Builds tasks until the response is full; what does not fit, or can't be built, is given back, and everything if the caller has gone meanwhile. */
export async function deliver<Desc extends DescMessage>(
  parts: EngineParts,
  given: readonly GivenTask[],
  { kind, schema, build, signal }: Delivery<Desc>,
): Promise<PollAnswer<Tasks<Desc>>> {
  const results = await Promise.allSettled(given.map(build));
  const messages = results.map((result) => (result.status === "fulfilled" ? result.value : undefined));
  const fitting = new Set<MessageInitShape<Desc> | undefined>(fittingMessages(parts, schema, messages));
  const delivered = given.filter((_, index) => fitting.has(messages[index]));
  const undelivered = given.filter(
    (_, index) => results[index]?.status === "rejected" || isLeftOut(messages[index], fitting),
  );
  await Promise.all(undelivered.map((task) => returnGivenTask(parts, kind, task)));
  if (signal.aborted) {
    await Promise.all(delivered.map((task) => returnGivenTask(parts, kind, task)));
    return { answer: [], repeat: undefined };
  }
  const failed = results.find((result) => result.status === "rejected");
  if (delivered.length === 0 && failed !== undefined) throw failed.reason;
  const answer = messages.filter((message) => message !== undefined && fitting.has(message)) as Tasks<Desc>;
  return { answer, repeat: answer.length === 0 ? undefined : () => buildAgain(delivered, build) };
}

/** A UTF-16 unit of a text has at most three bytes; other fields are estimated generously. */
const mostBytesPerUnit = 3;

function isLeftOut<T>(message: T | undefined, fitting: ReadonlySet<T | undefined>): boolean {
  return message !== undefined && !fitting.has(message);
}

/** The messages that one response has room for. A single one always fits: a payload and a page are bounded far below a response. */
function fittingMessages<Desc extends DescMessage>(
  parts: EngineParts,
  schema: Desc,
  messages: readonly (MessageInitShape<Desc> | undefined)[],
): MessageInitShape<Desc>[] {
  const built = messages.filter((message) => message !== undefined);
  let room = mostResponseBytes(parts);
  const atMost = built.reduce((sum, message) => sum + mostBytesPerUnit * estimateBytes(message), 0);
  if (built.length === 1 || atMost <= room) return built;
  return built.filter((message) => {
    const bytes = toBinary(schema, create(schema, message)).length + elementBytes;
    if (bytes > room) return false;
    room -= bytes;
    return true;
  });
}

/** The same tasks once more; their leases may be over by now, which their holder is told when it comes back. */
async function buildAgain<Desc extends DescMessage>(
  delivered: readonly GivenTask[],
  build: (task: GivenTask) => Promise<MessageInitShape<Desc> | undefined>,
): Promise<Tasks<Desc>> {
  const messages = await Promise.all(delivered.map(build));
  return messages.filter((message) => message !== undefined);
}
