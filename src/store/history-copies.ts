/** Copies of a history, up to an event, for a run that is to begin with it. They are made ahead of the run, in steps that each hold little. */
import type { Micros } from "../core/run-state.js";
import { joinMessages, splitMessages } from "./history.js";
import type { Queryable, Statement } from "./statement.js";

/** What is copied, and for which run. */
export interface HistoryCopy {
  readonly fromRunId: string;
  readonly toRunId: string;
  /** The last event that is copied. */
  readonly throughEventId: number;
}

/** Runs each step in a transaction of its own, so that a large one holds up nobody. */
export type RunStep = <T>(work: (tx: Queryable) => Promise<T>) => Promise<T>;

/** What one step copies at the most. */
const pageRows = 500;
const pageBytes = 4 * 1024 * 1024;
const pageEvents = 5_000;
const removedRows = 1_000;

/** Notes that a copy is under way. From now on it goes away again unless the run begins. */
export async function noteCopy(q: Queryable, runId: string, now: Micros): Promise<void> {
  await q.query(noteStatement, [runId, now]);
}

/** Copies events, keys and rejected updates. False: the history is not whole any more, since its run is being deleted. */
export async function copyHistory(run: RunStep, copy: HistoryCopy): Promise<boolean> {
  const { fromRunId, toRunId, throughEventId } = copy;
  let copied = 0;
  for (let after = 0, isDone = false; !isDone; ) {
    const values = [fromRunId, toRunId, after, throughEventId, pageRows, pageBytes];
    const [page] = await run((tx) => tx.query<PageRow>(copyStatement, values));
    isDone = page === undefined || page.events === 0;
    copied += page?.events ?? 0;
    after = page?.last ?? after;
  }
  copied += await run((tx) => copyCutRow(tx, copy));
  for (let after = 0; after < throughEventId; after += pageEvents) {
    const values = [fromRunId, toRunId, after, Math.min(after + pageEvents, throughEventId)];
    await run((tx) => tx.query(copyKeysStatement, values));
    await run((tx) => tx.query(copyRejectionsStatement, values));
  }
  return copied === throughEventId;
}

/** Removes a copy, unless its run has begun. */
export async function removeCopy(run: RunStep, runId: string): Promise<void> {
  const [abandoned] = await run((tx) => tx.query(abandonStatement, [runId]));
  if (abandoned !== undefined) await removeAbandoned(run, runId);
}

/** Removes some of the copies that were begun before a time: the servers that made them have gone. */
export async function removeOldCopies(run: RunStep, before: Micros): Promise<void> {
  const old = await run((tx) => tx.query<{ runId: string }>(abandonOldStatement, [before]));
  for (const { runId } of old) await removeAbandoned(run, runId);
}

async function removeAbandoned(run: RunStep, runId: string): Promise<void> {
  for (const statement of removeStatements) {
    for (let isDone = false; !isDone; ) {
      const gone = await run((tx) => tx.query(statement, [runId, removedRows]));
      isDone = gone.length < removedRows;
    }
  }
  await run((tx) => tx.query(forgetStatement, [runId]));
}

/** The row in whose midst the copy ends. Answers how many events were copied of it. */
async function copyCutRow(
  tx: Queryable,
  { fromRunId, toRunId, throughEventId }: HistoryCopy,
): Promise<number> {
  const [row] = await tx.query<CutRow>(readCutStatement, [fromRunId, throughEventId]);
  if (row === undefined) return 0;
  const { first } = row;
  const count = throughEventId - first + 1;
  const events = joinMessages(splitMessages(row).slice(0, count));
  await tx.query(insertCutStatement, [toRunId, first, throughEventId, events]);
  return count;
}

interface PageRow {
  last: number | null;
  events: number;
}

interface CutRow {
  first: number;
  codec: number;
  events: Buffer;
}

const noteStatement: Statement = {
  name: "note_history_copy",
  text: `
    insert into history_copies (run_id, begun_at)
    values ($1::uuid, $2::bigint)`,
};

const copyStatement: Statement = {
  name: "copy_history",
  text: `
    with page as (
      select first_event_id, last_event_id, codec, events
      from (
        select *, coalesce(sum(octet_length(events)) over (
          order by first_event_id rows between unbounded preceding and 1 preceding), 0) as bytes_before
        from (
          select first_event_id, last_event_id, codec, events
          from history
          where run_id = $1::uuid and first_event_id > $3::int and last_event_id <= $4::int
          order by first_event_id
          limit $5::int
        ) as next
      ) as measured
      where bytes_before < $6::bigint
    ),
    copied as (
      insert into history (run_id, first_event_id, last_event_id, codec, events)
      select $2::uuid, first_event_id, last_event_id, codec, events
      from page
    )
    select max(last_event_id) as last, coalesce(sum(last_event_id - first_event_id + 1), 0)::int as events
    from page`,
};

const readCutStatement: Statement = {
  name: "read_cut_history",
  text: `
    select first_event_id as first, codec, events
    from history
    where run_id = $1::uuid and first_event_id <= $2::int and last_event_id > $2::int
    order by first_event_id desc
    limit 1`,
};

const insertCutStatement: Statement = {
  name: "insert_cut_history",
  text: `
    insert into history (run_id, first_event_id, last_event_id, codec, events)
    values ($1::uuid, $2::int, $3::int, 0, $4::bytea)`,
};

const copyKeysStatement: Statement = {
  name: "copy_run_keys",
  text: `
    insert into run_keys (run_id, kind, key, event_id, content_hash)
    select $2::uuid, kind, key, event_id, content_hash
    from run_keys
    where run_id = $1::uuid and event_id > $3::int and event_id <= $4::int`,
};

const copyRejectionsStatement: Statement = {
  name: "copy_rejections",
  text: `
    insert into updates (run_id, update_id, state, rejection)
    select $2::uuid, u.update_id, u.state, u.rejection
    from run_keys k
    join updates u on u.run_id = k.run_id and u.update_id = k.key
    where k.run_id = $1::uuid and k.kind = 'update' and k.event_id > $3::int and k.event_id <= $4::int
      and u.rejection is not null`,
};

const abandonStatement: Statement = {
  name: "abandon_history_copy",
  text: `
    update history_copies
    set is_abandoned = true
    where run_id = $1::uuid
    returning run_id`,
};

const abandonOldStatement: Statement = {
  name: "abandon_old_history_copies",
  text: `
    update history_copies
    set is_abandoned = true
    where run_id in (
      select run_id
      from history_copies
      where begun_at < $1::bigint
      order by begun_at
      limit 10
      for update skip locked
    )
    returning run_id as "runId"`,
};

const removeStatements: readonly Statement[] = [
  {
    name: "remove_copied_history",
    text: `
    delete from history
    where run_id = $1::uuid and first_event_id in (
      select first_event_id
      from history
      where run_id = $1::uuid
      order by first_event_id
      limit $2::int
    )
    returning 1`,
  },
  {
    name: "remove_copied_keys",
    text: `
    delete from run_keys
    where run_id = $1::uuid and (kind, key) in (
      select kind, key
      from run_keys
      where run_id = $1::uuid
      order by kind, key
      limit $2::int
    )
    returning 1`,
  },
  {
    name: "remove_copied_rejections",
    text: `
    delete from updates
    where run_id = $1::uuid and update_id in (
      select update_id
      from updates
      where run_id = $1::uuid
      order by update_id
      limit $2::int
    )
    returning 1`,
  },
];

const forgetStatement: Statement = {
  name: "forget_history_copy",
  text: `
    delete from history_copies
    where run_id = $1::uuid and is_abandoned`,
};
