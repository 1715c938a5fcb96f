/** The namespaces. */
import type { Micros } from "../core/run-state.js";
import type { Queryable, Statement } from "./statement.js";

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
export type NewNamespace = Pick<NamespaceRow, "namespaceId" | "name" | "description" | "retentionMs">;

/** What to change of a namespace. What is undefined stays. */
export interface NamespaceChange {
  readonly namespaceId: string;
  readonly description: string | undefined;
  readonly retentionMs: number | undefined;
}

/** Finds a namespace by its name. */
export async function findNamespace(q: Queryable, name: string): Promise<NamespaceRow | undefined> {
  const [row] = await q.query<NamespaceRow>(findStatement, [name]);
  return row;
}

/** Creates a namespace. Undefined: the name is taken. */
export async function createNamespace(
  q: Queryable,
  { namespaceId, name, description, retentionMs }: NewNamespace,
): Promise<NamespaceRow | undefined> {
  const values = [namespaceId, name, description, retentionMs];
  const [created] = await q.query<NamespaceRow>(createStatement, values);
  return created;
}

/** Finds a namespace by its id. */
export async function findNamespaceById(
  q: Queryable,
  namespaceId: string,
): Promise<NamespaceRow | undefined> {
  const [row] = await q.query<NamespaceRow>(findByIdStatement, [namespaceId]);
  return row;
}

/** Changes a namespace. Undefined: it is being deleted, or gone. */
export async function updateNamespace(
  q: Queryable,
  { namespaceId, description, retentionMs }: NamespaceChange,
): Promise<NamespaceRow | undefined> {
  const [row] = await q.query<NamespaceRow>(updateStatement, [namespaceId, description, retentionMs]);
  return row;
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
    insert into namespaces (namespace_id, name, description, retention_ms)
    values ($1::uuid, $2::text, $3::text, $4::bigint)
    on conflict (name) do nothing
    returning ${columns}`,
};

const findByIdStatement: Statement = {
  name: "find_namespace_by_id",
  text: `
    select ${columns}
    from namespaces
    where namespace_id = $1::uuid`,
};

const updateStatement: Statement = {
  name: "update_namespace",
  text: `
    update namespaces
    set description = coalesce($2::text, description), retention_ms = coalesce($3::bigint, retention_ms)
    where namespace_id = $1::uuid and state = 1
    returning ${columns}`,
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
