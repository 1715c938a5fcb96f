/** The namespaces. */
import type { Micros } from "../core/run-state.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** A namespace. */
export interface NamespaceRow {
  readonly namespaceId: string;
  readonly name: string;
  readonly description: string;
  /** How long closed runs are kept. */
  readonly retentionMs: number;
  /** It takes no more starts. */
  readonly isDeleting: boolean;
  readonly createdAt: Micros;
}

/** A namespace to create. */
export interface NewNamespace {
  readonly namespaceId: string;
  readonly name: string;
  readonly description: string;
  readonly retentionMs: number;
  /** A repeat is known by it. Empty: none was given. */
  readonly requestId: string;
}

/** Finds a namespace by its name. */
export async function findNamespace(q: Queryable, name: string): Promise<NamespaceRow | undefined> {
  const [row] = await q.query<NamespaceRow>(findStatement, [name]);
  return row;
}

/** Creates a namespace. Undefined: the name is taken. */
export async function createNamespace(
  q: Queryable,
  { namespaceId, name, description, retentionMs, requestId }: NewNamespace,
): Promise<NamespaceRow | undefined> {
  const values = [namespaceId, name, description, retentionMs, requestId];
  const [created] = await q.query<NamespaceRow>(createStatement, values);
  return created;
}

/** Finds the namespace that a request has created within the last day. */
export async function findCreatedNamespace(
  q: Queryable,
  requestId: string,
): Promise<NamespaceRow | undefined> {
  const [created] = await q.query<NamespaceRow>(findCreatedStatement, [requestId]);
  return created;
}

/** Lists namespaces by name. */
export async function listNamespaces(
  q: Queryable,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<NamespaceRow[]> {
  return q.query<NamespaceRow>(listStatement, [after, limit]);
}

const columns = `
  namespace_id as "namespaceId", name, description, retention_ms as "retentionMs", state = 2 as "isDeleting",
  created_at as "createdAt"`;

const findStatement: Statement = {
  name: "find_namespace",
  text: `
    select ${columns}
    from namespaces
    where name = $1::text`,
};

const createStatement: Statement = {
  name: "create_namespace",
  text: `
    insert into namespaces (namespace_id, name, description, retention_ms, request_id)
    values ($1::uuid, $2::text, $3::text, $4::bigint, $5::text)
    on conflict (name) do nothing
    returning ${columns}`,
};

const findCreatedStatement: Statement = {
  name: "find_created_namespace",
  text: `
    select ${columns}
    from namespaces
    where request_id = $1::text and created_at > ${nowMicros} - 86400000000
    order by created_at desc
    limit 1`,
};

const listStatement: Statement = {
  name: "list_namespaces",
  text: `
    select ${columns}
    from namespaces
    where name > $1::text
    order by name
    limit $2::int`,
};
