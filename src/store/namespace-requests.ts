/** Requests that changed namespaces, by which their repeats are known for a day. */
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** A request that took effect. */
export interface NamespaceRequest {
  readonly requestId: string;
  /** Tells it from another with the same id. */
  readonly contentHash: string;
  /** The namespace that it was about. */
  readonly namespaceId: string;
}

/** Finds the request of an id. */
export async function findNamespaceRequest(
  q: Queryable,
  requestId: string,
): Promise<NamespaceRequest | undefined> {
  const [found] = await q.query<NamespaceRequest>(findStatement, [requestId]);
  return found;
}

/** Notes a request in the transaction that does what it asks for. False: one of this id has just taken effect. Waits for one that is under way. */
export async function noteNamespaceRequest(tx: Queryable, request: NamespaceRequest): Promise<boolean> {
  const { requestId, contentHash, namespaceId } = request;
  const [noted] = await tx.query(noteStatement, [requestId, contentHash, namespaceId]);
  return noted !== undefined;
}

/** Removes requests that are over a day old. */
export async function removeOldNamespaceRequests(q: Queryable): Promise<void> {
  await q.query(removeOldStatement, []);
}

const dayAgo = `${nowMicros} - 86400000000`;

const findStatement: Statement = {
  name: "find_namespace_request",
  text: `
    select request_id as "requestId", content_hash as "contentHash", namespace_id as "namespaceId"
    from namespace_requests
    where request_id = $1::text and requested_at > ${dayAgo}`,
};

const noteStatement: Statement = {
  name: "note_namespace_request",
  text: `
    insert into namespace_requests as r (request_id, content_hash, namespace_id, requested_at)
    values ($1::text, $2::text, $3::uuid, ${nowMicros})
    on conflict (request_id) do update
    set content_hash = excluded.content_hash, namespace_id = excluded.namespace_id, requested_at = excluded.requested_at
    where r.requested_at <= ${dayAgo}
    returning 1 as noted`,
};

const removeOldStatement: Statement = {
  name: "remove_old_namespace_requests",
  text: `
    delete from namespace_requests
    where request_id in (
      select request_id
      from namespace_requests
      where requested_at <= ${dayAgo}
      order by requested_at
      limit 1000
      for update skip locked
    )`,
};
