/** Registering, heartbeats and draining of workers. */
import { randomUUID } from "node:crypto";
import type {
  DrainWorkerRequest,
  HeartbeatWorkerRequest,
  RegisterWorkerRequest,
} from "../../../gen/pawl/v1/worker_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { durationOf } from "../../core/time.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { returnActivity } from "./activity-tasks.js";
import { readActivityToken, readWorkflowToken } from "./read-token.js";
import { returnWorkflowTask } from "./workflow-tasks.js";

/** How often a worker shall say that it is alive; three missed ones make it dead. */
const heartbeatIntervalMs = 30_000;

/** Registers a worker. */
export async function registerWorker(parts: EngineParts, request: RegisterWorkerRequest, _call: Call) {
  const { worker } = request;
  if (worker === undefined) throw new Error("a registration without a worker passed validation");
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const workerId = worker.workerId === "" ? randomUUID() : worker.workerId;
  await parts.workers.register({ namespaceId, workerId }, worker);
  const { limits } = parts;
  return {
    workerId,
    workflowTaskTimeout: durationOf(limits.workflowTaskTimeoutMs),
    heartbeatInterval: durationOf(heartbeatIntervalMs),
    maxPayloadBytes: limits.maxPayloadBytes,
    maxRequestBytes: parts.maxRequestBytes,
    maxDetailsBytes: limits.maxDetailsBytes,
  };
}

/** Notes that a worker is alive. */
export async function heartbeatWorker(parts: EngineParts, request: HeartbeatWorkerRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  return parts.workers.heartbeat({ namespaceId, workerId: request.workerId }, request);
}

/** Takes a worker out of service. Tasks whose lease is over are passed over. */
export async function drainWorker(parts: EngineParts, request: DrainWorkerRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const workflowTasks = await Promise.all(
    request.workflowTaskTokens.map((token) => readWorkflowToken(parts, request.namespace, token)),
  );
  const activities = await Promise.all(
    request.activityTaskTokens.map((token) => readActivityToken(parts, request.namespace, token)),
  );
  const worker = { namespaceId, workerId: request.workerId };
  await parts.workers.drain(worker);
  parts.dispatch.endPolls(worker);
  parts.tellDraining(worker);
  const returned = await Promise.all([
    ...workflowTasks.map((token) => wasReturned(returnWorkflowTask(parts, token))),
    ...activities.map((token) => wasReturned(returnActivity(parts, token))),
  ]);
  return { returnedTasks: returned.filter(Boolean).length };
}

/** Another server says that a worker drains: its polls here end, unless it has registered anew by now. */
export async function endDrainedPolls(parts: EngineParts, workerHash: string): Promise<void> {
  parts.workers.forget(workerHash);
  const worker = parts.dispatch.findPolling(workerHash);
  if (worker === undefined) return;
  try {
    if (await parts.workers.isDraining(worker)) parts.dispatch.endPolls(worker);
  } catch (error) {
    // Its polls end at their time, and the next is refused.
    parts.fault("the polls of a draining worker could not be ended", error);
  }
}

async function wasReturned(work: Promise<boolean>): Promise<boolean> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}
