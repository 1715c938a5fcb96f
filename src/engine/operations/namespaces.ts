/** Creating, changing and deleting namespaces. Each takes effect once for its request id, which is kept for a day. */
import { randomUUID } from "node:crypto";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import {
  type CreateNamespaceRequest,
  CreateNamespaceRequestSchema,
  type DeleteNamespaceRequest,
  DeleteNamespaceRequestSchema,
  type UpdateNamespaceRequest,
  UpdateNamespaceRequestSchema,
} from "../../../gen/pawl/v1/namespace_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { namespaceEnding, requestIdReused } from "../../core/refusals.js";
import { countSchedules } from "../../store/count-schedules.js";
import type { Queryable } from "../../store/database.js";
import { beginDeletion, hasOpenRun, holdStarts } from "../../store/delete-namespace.js";
import { findNamespaceRequest, noteNamespaceRequest } from "../../store/namespace-requests.js";
import {
  createNamespace as createRow,
  findNamespace,
  findNamespaceById,
  type NamespaceRow,
  updateNamespace as updateRow,
} from "../../store/namespaces.js";
import { contentHashOf } from "../content-hash.js";
import type { Call } from "../engine.js";
import { namespaceNotFound } from "../namespace-cache.js";
import type { EngineParts } from "../parts.js";
import { namespaceMessage } from "../reads/namespaces.js";
import { msFromDuration } from "../time.js";

const defaultRetentionMs = 30 * 24 * 3_600_000;
const mainNamespace = "main";

/** Creates a namespace. Throws NAMESPACE_EXISTS and REQUEST_ID_REUSED. */
export async function createNamespace(parts: EngineParts, request: CreateNamespaceRequest, _call: Call) {
  const { name, description, retention } = request;
  const namespaceId = randomUUID();
  const row = {
    namespaceId,
    name,
    description,
    retentionMs: msFromDuration(retention) ?? defaultRetentionMs,
  };
  const repeated = await findRepeated(parts, CreateNamespaceRequestSchema, request);
  const madeId =
    repeated ??
    (await changeOnce(parts, CreateNamespaceRequestSchema, request, namespaceId, async (tx) => {
      if ((await createRow(tx, row)) === undefined) throw namespaceExists(name);
    }));
  return { namespace: namespaceMessage(await asOfNow(parts, madeId, name)) };
}

/** Changes description or retention. Throws NAMESPACE_NOT_FOUND, NAMESPACE_IN_USE and REQUEST_ID_REUSED. */
export async function updateNamespace(parts: EngineParts, request: UpdateNamespaceRequest, _call: Call) {
  const { name, description, retention } = request;
  const repeated = await findRepeated(parts, UpdateNamespaceRequestSchema, request);
  const namespaceId = repeated ?? (await requireNamespace(parts, name)).namespaceId;
  if (repeated === undefined) {
    const change = { namespaceId, description, retentionMs: msFromDuration(retention) };
    await changeOnce(parts, UpdateNamespaceRequestSchema, request, namespaceId, async (tx) => {
      if ((await updateRow(tx, change)) === undefined) throw namespaceEnding(name);
    });
    parts.retention.wake();
  }
  return { namespace: namespaceMessage(await asOfNow(parts, namespaceId, name)) };
}

/** Deletes a namespace that has nothing open. Throws NAMESPACE_NOT_FOUND, NAMESPACE_IN_USE and REQUEST_ID_REUSED. */
export async function deleteNamespace(parts: EngineParts, request: DeleteNamespaceRequest, _call: Call) {
  const { name } = request;
  if ((await findRepeated(parts, DeleteNamespaceRequestSchema, request)) !== undefined) return {};
  if (name === mainNamespace) throw namespaceInUse(name, "is the one of calls that name none");
  const { namespaceId } = await requireNamespace(parts, name);
  const { database } = parts;
  await refuseUsed(database.read, namespaceId, name);
  await changeOnce(parts, DeleteNamespaceRequestSchema, request, namespaceId, async (tx) => {
    await holdStarts(tx);
    await refuseUsed(tx, namespaceId, name);
    if (!(await beginDeletion(tx, namespaceId))) throw namespaceEnding(name);
  });
  parts.namespaces.forget(name);
  parts.retention.wake();
  return {};
}

type NamespaceWrite = Pick<CreateNamespaceRequest, "requestId" | "name">;

/** The namespace that this very request was about when it took effect. Throws REQUEST_ID_REUSED if it was another request. */
async function findRepeated<Desc extends DescMessage>(
  { database }: EngineParts,
  schema: Desc,
  request: MessageShape<Desc> & NamespaceWrite,
): Promise<string | undefined> {
  const { requestId } = request;
  const earlier = requestId === "" ? undefined : await findNamespaceRequest(database.read, requestId);
  if (earlier === undefined) return undefined;
  if (earlier.contentHash !== hashOf(schema, request)) throw requestIdReused(requestId);
  return earlier.namespaceId;
}

/** Does what a request asks for, unless the same has taken effect in this moment. Answers which namespace it was about. */
async function changeOnce<Desc extends DescMessage>(
  parts: EngineParts,
  schema: Desc,
  request: MessageShape<Desc> & NamespaceWrite,
  namespaceId: string,
  change: (tx: Queryable) => Promise<void>,
): Promise<string> {
  const { requestId } = request;
  const noted = { requestId, contentHash: hashOf(schema, request), namespaceId };
  const isDone = await parts.database.transaction(async (tx) => {
    if (requestId !== "" && !(await noteNamespaceRequest(tx, noted))) return false;
    await change(tx);
    return true;
  });
  return isDone ? namespaceId : ((await findRepeated(parts, schema, request)) ?? namespaceId);
}

/** The kind of the request counts too. */
function hashOf<Desc extends DescMessage>(schema: Desc, request: MessageShape<Desc>): string {
  return `${schema.name}:${contentHashOf(schema, { ...request, requestId: "" })}`;
}

async function requireNamespace({ database }: EngineParts, name: string): Promise<NamespaceRow> {
  const found = await findNamespace(database.read, name);
  if (found === undefined) throw namespaceNotFound(name);
  return found;
}

async function asOfNow({ database }: EngineParts, namespaceId: string, name: string): Promise<NamespaceRow> {
  const found = await findNamespaceById(database.read, namespaceId);
  if (found === undefined) throw namespaceNotFound(name);
  return found;
}

async function refuseUsed(q: Queryable, namespaceId: string, name: string): Promise<void> {
  if (await hasOpenRun(q, namespaceId)) throw namespaceInUse(name, "has open runs; end them first");
  if ((await countSchedules(q, namespaceId)) > 0)
    throw namespaceInUse(name, "has schedules; delete them first");
}

function namespaceInUse(namespace: string, why: string): RefusedError {
  const message = `namespace "${namespace}" can't be deleted: it ${why}`;
  return new RefusedError(ErrorReason.NAMESPACE_IN_USE, message, { namespace });
}

function namespaceExists(name: string): RefusedError {
  return new RefusedError(
    ErrorReason.NAMESPACE_EXISTS,
    `there is a namespace "${name}" already: use it, or choose another name`,
    { namespace: name },
  );
}
