/** The servers that share this database. */
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/**
 * Notes that a server lives, and what it tells of its queues (JSON; undefined: nothing), forgets those that were silent for long, and returns the ids of
 * all that were heard of lately.
 */
export async function beatServer(
  q: Queryable,
  serverId: string,
  load: string | undefined = undefined,
): Promise<string[]> {
  const rows = await q.query<{ server_id: string }>(beatStatement, [serverId, load]);
  return [serverId, ...rows.map((row) => row.server_id)].sort();
}

/** What the other servers that live have told of their queues. */
export async function readServerLoads(q: Queryable, serverId: string): Promise<unknown[]> {
  const rows = await q.query<{ load: unknown }>(loadsStatement, [serverId]);
  return rows.map(({ load }) => load);
}

/** Forgets a server that stops. */
export async function removeServer(q: Queryable, serverId: string): Promise<void> {
  await q.query(removeStatement, [serverId]);
}

/** Servers beat every 5 s; after three that did not come one does not count. */
const isOtherAlive = `seen_at > ${nowMicros} - 16000000 and server_id <> $1::uuid`;

/** After an hour the row of a silent server goes. */
const beatStatement: Statement = {
  name: "beat_server",
  text: `
    with beat as (
      insert into servers (server_id, started_at, seen_at, load)
      values ($1::uuid, ${nowMicros}, ${nowMicros}, $2::json)
      on conflict (server_id) do update
      set seen_at = excluded.seen_at, load = excluded.load
    ),
    silent as (
      delete from servers
      where server_id in (
        select server_id
        from servers
        where seen_at < ${nowMicros} - 3600000000 and server_id <> $1::uuid
        for update skip locked
      )
    )
    select server_id
    from servers
    where ${isOtherAlive}`,
};

const loadsStatement: Statement = {
  name: "read_server_loads",
  text: `
    select load
    from servers
    where ${isOtherAlive} and load is not null`,
};

const removeStatement: Statement = {
  name: "remove_server",
  text: `
    delete from servers
    where server_id = $1::uuid`,
};
