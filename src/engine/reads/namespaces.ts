/** Creating and listing namespaces. */
import { randomUUID } from "node:crypto";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { NamespaceState } from "../../../gen/pawl/v1/namespace_pb.js";
import type {
  CreateNamespaceRequest,
  ListNamespacesRequest,
} from "../../../gen/pawl/v1/namespace_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { durationOf, timestampOf } from "../../core/time.js";
import {
  createNamespace as createRow,
  listNamespaces as listRows,
  type NamespaceRow,
} from "../../store/namespaces.js";
import type { Call } from "../engine.js";
import { readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { msFromDuration } from "../time.js";

const defaultPageSize = 100;
const defaultRetentionMs = 30 * 24 * 3_600_000;

/** Creates a namespace. Throws NAMESPACE_EXISTS. */
export async function createNamespace(parts: EngineParts, request: CreateNamespaceRequest, _call: Call) {
  const { name, description, requestId } = request;
  const retentionMs = msFromDuration(request.retention) ?? defaultRetentionMs;
  const row = await createRow(parts.database.read, {
    namespaceId: randomUUID(),
    name,
    description,
    retentionMs,
    requestId,
  });
  if (row === undefined) {
    throw new RefusedError(
      ErrorReason.NAMESPACE_EXISTS,
      `there is a namespace "${name}" already: use it, or choose another name`,
      {
        namespace: name,
      },
    );
  }
  return { namespace: messageOf(row) };
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
