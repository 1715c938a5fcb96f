/** The servers that share this database. */
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** Notes that a server lives, forgets those that were silent for long, and returns the ids of all that were heard of lately. */
export async function beatServer(q: Queryable, serverId: string): Promise<string[]> {
  const rows = await q.query<{ server_id: string }>(beatStatement, [serverId]);
  return [serverId, ...rows.map((row) => row.server_id)].sort();
}

/** Forgets a server that stops. */
export async function removeServer(q: Queryable, serverId: string): Promise<void> {
  await q.query(removeStatement, [serverId]);
}

/** Servers beat every 5 s; after three that did not come one does not count, and after an hour its row goes. */
const beatStatement: Statement = {
  name: "beat_server",
  text: `
    with beat as (
      insert into servers (server_id, started_at, seen_at)
      values ($1::uuid, ${nowMicros}, ${nowMicros})
      on conflict (server_id) do update
      set seen_at = excluded.seen_at
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
    where seen_at > ${nowMicros} - 16000000 and server_id <> $1::uuid`,
};

const removeStatement: Statement = {
  name: "remove_server",
  text: `
    delete from servers
    where server_id = $1::uuid`,
};
