/** Reading the events of runs. */
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { type HistoryEvent, HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import type { RecordedEvent } from "../core/transition.js";
import type { Queryable, Statement } from "./statement.js";

/** Which events of a run to read. */
export interface HistoryAsk {
  readonly runId: string;
  /** Only events behind this one. */
  readonly afterEventId: number;
  /** Only events up to this one. Undefined: to the end. */
  readonly throughEventId?: number | undefined;
  readonly maxEvents: number;
  /** A page ends before its message gets larger than this, but always has an event if there is one. */
  readonly maxBytes: number;
  /** The newest first. */
  readonly descending: boolean;
}

/** A page of events, in the order asked for. */
export interface HistoryPage {
  readonly events: HistoryEvent[];
  /** Whether more of what was asked for lies behind the page. */
  readonly hasMore: boolean;
}

/** Reads a page of a run's history. */
export async function readHistory(q: Queryable, ask: HistoryAsk): Promise<HistoryPage> {
  const { recorded, hasMore } = await readRecorded(q, ask);
  return { events: recorded.map(({ event }) => event), hasMore };
}

/** Reads a page of a run's history, each event with its bytes. */
export async function readRecorded(q: Queryable, ask: HistoryAsk): Promise<RecordedPage> {
  const through = Math.min(ask.throughEventId ?? lastPossibleId, lastPossibleId);
  const rows = await q.query<HistoryRow>(ask.descending ? readBackward : readForward, [
    ask.runId,
    Math.min(ask.afterEventId, lastPossibleId),
    through,
    ask.maxEvents,
    ask.maxBytes,
  ]);
  const page: RecordedEvent[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (row.events === null) return { recorded: page, hasMore: true };
    const messages = splitMessages({ codec: row.codec, events: row.events });
    const order = ask.descending ? messages.toReversed() : messages;
    for (const message of order) {
      const event = fromBinary(HistoryEventSchema, message);
      if (event.eventId <= ask.afterEventId || event.eventId > through) continue;
      bytes += message.length + aroundEvent;
      const isFull = page.length >= ask.maxEvents || (page.length > 0 && bytes > ask.maxBytes);
      if (isFull) return { recorded: page, hasMore: true };
      page.push({ event, bytes: message });
    }
  }
  return { recorded: page, hasMore: false };
}

/** A page of events with their bytes. */
export interface RecordedPage {
  readonly recorded: RecordedEvent[];
  readonly hasMore: boolean;
}

/** Reads single events of any runs, in the order of the asks; undefined for those that do not exist. */
export async function readEvents(
  q: Queryable,
  asks: readonly { readonly runId: string; readonly eventId: number }[],
): Promise<(HistoryEvent | undefined)[]> {
  if (asks.length === 0) return [];
  const rows = await q.query<EventRow>(readEventsStatement, [
    asks.map((ask) => ask.runId),
    asks.map((ask) => ask.eventId),
  ]);
  const split = new Map(rows.map((row) => [row, splitMessages(row)]));
  return asks.map(({ runId, eventId }) => {
    const row = rows.find((candidate) => candidate.run_id === runId && isWithin(candidate, eventId));
    const message = row === undefined ? undefined : split.get(row)?.[eventId - row.first_event_id];
    return message === undefined ? undefined : fromBinary(HistoryEventSchema, message);
  });
}

function isWithin(row: EventRow, eventId: number): boolean {
  return row.first_event_id <= eventId && eventId <= row.last_event_id;
}

/** What stands around an event in a message, in bytes: its tag and its length. */
const aroundEvent = 8;

/** The next id still fits into the database's integers. */
const lastPossibleId = 2_147_483_646;

interface HistoryRow {
  codec: number;
  /** Null where the page ends for its bytes. */
  events: Buffer | null;
}

/** Rows hold several events each: the first row to read is the one that has the event behind `after`. */
const readForward: Statement = {
  name: "read_history",
  text: `
    select codec, case when bytes_before < $5::bigint then events end as events
    from (
      select *, coalesce(sum(octet_length(events)) over (
        order by first_event_id rows between unbounded preceding and 1 preceding), 0) as bytes_before
      from (
        select first_event_id, codec, events
        from history
        where run_id = $1::uuid
          and first_event_id >= coalesce((
            select first_event_id
            from history
            where run_id = $1::uuid and first_event_id <= $2::int + 1
            order by first_event_id desc
            limit 1), 0)
          and first_event_id <= $3::int
        order by first_event_id
        limit $4::int + 2
      ) as next
    ) as measured
    order by first_event_id`,
};

const readBackward: Statement = {
  name: "read_history_backward",
  text: `
    select codec, case when bytes_before < $5::bigint then events end as events
    from (
      select *, coalesce(sum(octet_length(events)) over (
        order by first_event_id desc rows between unbounded preceding and 1 preceding), 0) as bytes_before
      from (
        select first_event_id, codec, events
        from history
        where run_id = $1::uuid and first_event_id <= $3::int and last_event_id > $2::int
        order by first_event_id desc
        limit $4::int + 2
      ) as next
    ) as measured
    order by first_event_id desc`,
};

interface EventRow {
  run_id: string;
  first_event_id: number;
  last_event_id: number;
  codec: number;
  events: Buffer;
}

/** A row is read once, however many of its events are asked for. */
const readEventsStatement: Statement = {
  name: "read_events",
  text: `
    select h.run_id, h.first_event_id, h.last_event_id, h.codec, h.events
    from (
      select distinct a.run_id, r.first_event_id
      from unnest($1::uuid[], $2::int[]) a (run_id, event_id)
      cross join lateral (
        select first_event_id
        from history
        where run_id = a.run_id and first_event_id <= a.event_id
        order by first_event_id desc
        limit 1
      ) r
    ) wanted
    join history h on h.run_id = wanted.run_id and h.first_event_id = wanted.first_event_id`,
};

/** The messages of a row: each lies behind its size, as protobuf's size-delimited streams have it. */
export function splitMessages(row: { codec: number; events: Buffer }): Uint8Array[] {
  if (row.codec !== 0) throw new Error(`This program does not know codec ${row.codec} of history rows.`);
  const reader = new BinaryReader(row.events);
  const messages: Uint8Array[] = [];
  while (reader.pos < reader.len) messages.push(reader.bytes());
  return messages;
}

/** The bytes of a row with these messages. */
export function joinMessages(messages: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const bytes of messages) parts.push(varint(bytes.length), bytes);
  return Buffer.concat(parts);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
