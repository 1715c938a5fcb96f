/** What tells repeats of a run's signals from a reuse of their request ids. */
import type { Queryable, Statement } from "./statement.js";

/** The hashes of the signals behind an event, by request id. */
export async function readSignalHashes(
  q: Queryable,
  runId: string,
  afterEventId: number,
): Promise<Map<string, string>> {
  const rows = await q.query<{ key: string; contentHash: string }>(readStatement, [runId, afterEventId]);
  return new Map(rows.map(({ key, contentHash }) => [key, contentHash]));
}

const readStatement: Statement = {
  name: "read_signal_hashes",
  text: `
    select key, content_hash as "contentHash"
    from run_keys
    where run_id = $1::uuid and event_id > $2::int and kind = 'signal'`,
};
