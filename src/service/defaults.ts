/** What a request means that leaves something out. */
import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import type { WorkflowSpec } from "../../gen/pawl/v1/workflow_pb.js";

/** How long a call waits that does not say how long. */
const defaultWaitSeconds = 20n;
/** How long runs have not moved that are listed as waiting by a call that does not say. */
const defaultIdleSeconds = 60n;
const defaultPageSize = 100;
const defaultTaskQueue = "default";
/** The namespace of calls that name none. */
export const defaultNamespace = "main";

/** The request, in the namespace that it means. */
export function inNamespace<Request extends { namespace: string }>(request: Request): Request {
  return request.namespace === "" ? { ...request, namespace: defaultNamespace } : request;
}

/** The request, with the page size that it means. */
export function paged<Request extends { pageSize: number }>(request: Request): Request {
  return request.pageSize === 0 ? { ...request, pageSize: defaultPageSize } : request;
}

/** The request, with the wait that it means. */
export function waiting<Request extends { wait?: Duration | undefined }>(request: Request): Request {
  if (request.wait !== undefined) return request;
  return { ...request, wait: create(DurationSchema, { seconds: defaultWaitSeconds }) };
}

/** The request, with the time without events that it means. */
export function idle<Request extends { idleFor?: Duration | undefined }>(request: Request): Request {
  if (request.idleFor !== undefined) return request;
  return { ...request, idleFor: create(DurationSchema, { seconds: defaultIdleSeconds }) };
}

/** The poll, with the queue, the number of tasks and the wait that it means. */
export function asPoll<
  Request extends { namespace: string; taskQueue: string; maxTasks: number; wait?: Duration | undefined },
>(request: Request): Request {
  return {
    ...waiting(inNamespace(request)),
    taskQueue: request.taskQueue || defaultTaskQueue,
    maxTasks: request.maxTasks || 1,
  };
}

/** The spec, with the queue that it means. */
export function inTaskQueue(spec: WorkflowSpec): WorkflowSpec {
  return spec.taskQueue === "" ? { ...spec, taskQueue: defaultTaskQueue } : spec;
}
