/** Listing workers. */
import { fromBinary } from "@bufbuild/protobuf";
import { WorkerSchema, WorkerSpecSchema, WorkerStatus } from "../../../gen/pawl/v1/worker_pb.js";
import type { ListWorkersRequest } from "../../../gen/pawl/v1/worker_service_pb.js";
import type { Micros } from "../../core/run-state.js";
import { timestampOf } from "../../core/time.js";
import { listWorkers as listRows, type WorkerRow } from "../../store/workers.js";
import type { Call } from "../engine.js";
import { readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { mostPageBytes } from "../response-size.js";
import { silentMicros } from "../worker-registry.js";
import { fillPage } from "./page.js";

/** Lists the workers of a namespace by id. What this server has heard of them and not written yet is written first, so that it counts. */
export async function listWorkers(parts: EngineParts, request: ListWorkersRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { taskQueue, pageSize, pageToken } = request;
  const query = { workersOf: namespaceId, taskQueue };
  const after = pageToken === "" ? "" : readPageToken(pageToken, query, isWorkerId);
  await parts.workers.flush();
  const maxBytes = mostPageBytes(parts);
  const ask = { namespaceId, taskQueue, after, limit: pageSize + 1, maxBytes };
  const { workers, found } = await listRows(parts.database.read, ask);
  const silentSince = parts.clock.earliest() - silentMicros;
  const rows = { rows: workers, hasMore: found > workers.length };
  const { elements, last } = fillPage(WorkerSchema, { pageSize, maxBytes }, rows, (row) =>
    messageOf(row, silentSince),
  );
  return { workers: elements, nextPageToken: last ? writePageToken(query, last.workerId) : "" };
}

function messageOf(row: WorkerRow, silentSince: Micros) {
  const { spec, registeredAt, seenAt, workflowTasks, activityTasks } = row;
  return {
    spec: fromBinary(WorkerSpecSchema, spec),
    status: statusOf(row, silentSince),
    registerTime: timestampOf(registeredAt),
    lastSeenTime: timestampOf(seenAt),
    workflowTasks,
    activityTasks,
  };
}

function statusOf({ seenAt, isDraining }: WorkerRow, silentSince: Micros): WorkerStatus {
  if (seenAt <= silentSince) return WorkerStatus.DEAD;
  return isDraining ? WorkerStatus.DRAINING : WorkerStatus.ALIVE;
}

function isWorkerId(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}
