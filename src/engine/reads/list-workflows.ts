/** Listing and counting runs. */
import type {
  CountWorkflowsRequest,
  ListWorkflowsRequest,
  WorkflowFilter,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import {
  countWorkflows as countRows,
  listWorkflows as listRows,
  type RunFilter,
  type RunPosition,
} from "../../store/list.js";
import type { Call } from "../engine.js";
import { readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { microsFromTimestamp } from "../time.js";
import { workflowRecord } from "./workflow-record.js";

const defaultPageSize = 100;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Lists runs, newest first. */
export async function listWorkflows(parts: EngineParts, request: ListWorkflowsRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const filter = filterOf(namespaceId, request.filter);
  const limit = request.pageSize === 0 ? defaultPageSize : request.pageSize;
  const after =
    request.pageToken === "" ? undefined : readPageToken(request.pageToken, filter, isRunPosition);
  const rows = await listRows(parts.database.read, { filter, after, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return {
    workflows: page.map(workflowRecord),
    nextPageToken: hasMore ? writePageToken(filter, { startedAt: last.startedAt, runId: last.runId }) : "",
  };
}

/** Counts runs. */
export async function countWorkflows(parts: EngineParts, request: CountWorkflowsRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const counts = await countRows(parts.database.read, filterOf(namespaceId, request.filter));
  const byStatus = counts.map(({ status, count }) => ({ status, count: BigInt(count) }));
  return {
    count: byStatus.reduce((sum, { count }) => sum + count, 0n),
    byStatus: request.groupByStatus ? byStatus : [],
  };
}

function filterOf(namespaceId: string, filter: WorkflowFilter | undefined): RunFilter {
  const from = filter?.startTimeFrom;
  const to = filter?.startTimeTo;
  return {
    namespaceId,
    statuses: [...(filter?.statuses ?? [])].sort(),
    workflowType: filter?.workflowType ?? "",
    workflowIdPrefix: filter?.workflowIdPrefix ?? "",
    startedFrom: from === undefined ? undefined : microsFromTimestamp(from),
    startedTo: to === undefined ? undefined : microsFromTimestamp(to),
  };
}

/** Whether a value is a place in a listing of runs. */
export function isRunPosition(value: unknown): value is RunPosition {
  if (typeof value !== "object" || value === null) return false;
  const { startedAt, runId } = value as { startedAt?: unknown; runId?: unknown };
  return Number.isSafeInteger(startedAt) && typeof runId === "string" && uuidPattern.test(runId);
}
