/** Listing namespaces, and counting what is in them. */
import { NamespaceSchema, NamespaceState } from "../../../gen/pawl/v1/namespace_pb.js";
import type {
  GetNamespaceStatsRequest,
  ListNamespacesRequest,
} from "../../../gen/pawl/v1/namespace_service_pb.js";
import { durationOf, timestampOf } from "../../core/time.js";
import { countSchedules } from "../../store/count-schedules.js";
import { everyStatus } from "../../store/list.js";
import { listNamespaces as listRows, type NamespaceRow } from "../../store/namespaces.js";
import { countRuns } from "../../store/run-counts.js";
import { countWorkers } from "../../store/workers.js";
import type { Call } from "../engine.js";
import { readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { mostPageBytes } from "../response-size.js";
import { silentMicros } from "../worker-registry.js";
import { fillPage } from "./page.js";

const defaultPageSize = 100;

/** Lists namespaces by name. */
export async function listNamespaces(parts: EngineParts, request: ListNamespacesRequest, _call: Call) {
  const limit = request.pageSize === 0 ? defaultPageSize : request.pageSize;
  const after = request.pageToken === "" ? "" : readPageToken(request.pageToken, "namespaces", isName);
  const rows = await listRows(parts.database.read, { after, limit: limit + 1 });
  const bounds = { pageSize: limit, maxBytes: mostPageBytes(parts) };
  const { elements, last } = fillPage(NamespaceSchema, bounds, { rows, hasMore: false }, namespaceMessage);
  return { namespaces: elements, nextPageToken: last ? writePageToken("namespaces", last.name) : "" };
}

/** Counts the runs, schedules and workers of a namespace. What this server has heard of workers and not written yet is written first, so that it counts. */
export async function getNamespaceStats(parts: EngineParts, request: GetNamespaceStatsRequest, _call: Call) {
  const { database, clock, workers } = parts;
  const { namespaceId } = await parts.namespaces.find(request.name);
  await workers.flush();
  const seenSince = clock.earliest() - silentMicros;
  const runs = await countRuns(database.read, namespaceId, everyStatus);
  const counts = new Map(runs.map(({ status, count }) => [status, count]));
  return {
    workflows: everyStatus.map((status) => ({ status, count: BigInt(counts.get(status) ?? 0) })),
    schedules: BigInt(await countSchedules(database.read, namespaceId)),
    workers: BigInt(await countWorkers(database.read, namespaceId, seenSince)),
  };
}

/** A namespace as the API has it. */
export function namespaceMessage(row: NamespaceRow) {
  return {
    name: row.name,
    namespaceId: row.namespaceId,
    description: row.description,
    retention: durationOf(row.retentionMs),
    state: row.isDeleting ? NamespaceState.DELETING : NamespaceState.ACTIVE,
    createTime: timestampOf(row.createdAt),
  };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}
