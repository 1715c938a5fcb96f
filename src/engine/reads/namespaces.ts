/** Creating and listing namespaces. */
import { randomUUID } from "node:crypto";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { NamespaceState } from "../../../gen/pawl/v1/namespace_pb.js";
import type {
  CreateNamespaceRequest,
  ListNamespacesRequest,
} from "../../../gen/pawl/v1/namespace_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { requestIdReused } from "../../core/refusals.js";
import { durationOf, timestampOf } from "../../core/time.js";
import {
  createNamespace as createRow,
  findCreatedNamespace,
  listNamespaces as listRows,
  type NamespaceRow,
} from "../../store/namespaces.js";
import type { Call } from "../engine.js";
import { readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { msFromDuration } from "../time.js";

const defaultPageSize = 100;
const defaultRetentionMs = 30 * 24 * 3_600_000;

/** Creates a namespace; the same request again finds it. Throws NAMESPACE_EXISTS and REQUEST_ID_REUSED. */
export async function createNamespace(parts: EngineParts, request: CreateNamespaceRequest, _call: Call) {
  const { name, description, requestId } = request;
  const retentionMs = msFromDuration(request.retention) ?? defaultRetentionMs;
  const asked = { name, description, retentionMs };
  const row = (await findEarlier(parts, requestId)) ?? (await createNew(parts, asked, requestId));
  if (row === undefined) throw namespaceExists(name);
  if (!isAsAsked(row, asked)) throw requestIdReused(requestId);
  return { namespace: messageOf(row) };
}

/** What is asked for, by which a repeat is told from another request. */
type Asked = Pick<NamespaceRow, "name" | "description" | "retentionMs">;

async function findEarlier({ database }: EngineParts, requestId: string): Promise<NamespaceRow | undefined> {
  return requestId === "" ? undefined : findCreatedNamespace(database.read, requestId);
}

/** The new namespace, or the one that the same request has made in this moment. */
async function createNew(
  parts: EngineParts,
  asked: Asked,
  requestId: string,
): Promise<NamespaceRow | undefined> {
  const row = await createRow(parts.database.read, { ...asked, namespaceId: randomUUID(), requestId });
  return row ?? findEarlier(parts, requestId);
}

function isAsAsked(row: NamespaceRow, { name, description, retentionMs }: Asked): boolean {
  return row.name === name && row.description === description && row.retentionMs === retentionMs;
}

function namespaceExists(name: string): RefusedError {
  return new RefusedError(
    ErrorReason.NAMESPACE_EXISTS,
    `there is a namespace "${name}" already: use it, or choose another name`,
    { namespace: name },
  );
}

/** Lists namespaces by name. */
export async function listNamespaces(parts: EngineParts, request: ListNamespacesRequest, _call: Call) {
  const limit = request.pageSize === 0 ? defaultPageSize : request.pageSize;
  const after = request.pageToken === "" ? "" : readPageToken(request.pageToken, "namespaces", isName);
  const rows = await listRows(parts.database.read, { after, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    namespaces: page.map(messageOf),
    nextPageToken: rows.length > limit && last !== undefined ? writePageToken("namespaces", last.name) : "",
  };
}

function messageOf(row: NamespaceRow) {
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
