/** Heartbeats of activities, in a table that batches never touch. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Payload, PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import type { Micros } from "../core/run-state.js";
import { byteaArray } from "./arrays.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** A heartbeat to write. */
export interface HeartbeatRow {
  readonly runId: string;
  readonly seq: number;
  /** Of the lease that it comes under. */
  readonly epoch: number;
  readonly at: Micros;
  readonly details: Payload | undefined;
}

/** What became of a heartbeat. */
export interface HeartbeatOutcome {
  /** False: the lease is over, or the activity is. */
  readonly isAccepted: boolean;
  readonly isCancelRequested: boolean;
}

/** Writes heartbeats, at most one for each activity, where the lease still holds. Answers in their order. */
export async function writeHeartbeats(
  q: Queryable,
  rows: readonly HeartbeatRow[],
): Promise<HeartbeatOutcome[]> {
  if (rows.length === 0) return [];
  const found = await q.query<{ number: number; is_cancel_requested: boolean }>(writeStatement, [
    rows.map((row) => row.runId),
    rows.map((row) => row.seq),
    rows.map((row) => row.epoch),
    rows.map((row) => row.at),
    byteaArray(rows.map(({ details }) => details && toBinary(PayloadSchema, details))),
  ]);
  const outcomes = rows.map((): HeartbeatOutcome => ({ isAccepted: false, isCancelRequested: false }));
  for (const row of found) {
    outcomes[row.number] = { isAccepted: true, isCancelRequested: row.is_cancel_requested };
  }
  return outcomes;
}

/** Reads the last heartbeats of activities, in the order of the asks; undefined where there was none. */
export async function readHeartbeats(
  q: Queryable,
  asks: readonly { readonly runId: string; readonly seq: number }[],
): Promise<(Pick<HeartbeatRow, "epoch" | "at" | "details"> | undefined)[]> {
  if (asks.length === 0) return [];
  const rows = await q.query<{ number: number; epoch: number; at: Micros; details: Buffer | null }>(
    readStatement,
    [asks.map((ask) => ask.runId), asks.map((ask) => ask.seq)],
  );
  const found = new Map(rows.map((row) => [row.number, row]));
  return asks.map((_, index) => {
    const row = found.get(index);
    if (row === undefined) return undefined;
    const details = row.details === null ? undefined : fromBinary(PayloadSchema, row.details);
    return { epoch: row.epoch, at: row.at, details };
  });
}

/** Removes heartbeats, at least a minute old, of activities that have ended. Returns how many, at most `limit`. */
export async function removeOldHeartbeats(q: Queryable, limit: number): Promise<number> {
  const rows = await q.query(removeStatement, [limit]);
  return rows.length;
}

/**
 * In key order, so that two servers that write the same ones wait for each other but never in a circle. Details that were given before stay
 * where a heartbeat has none.
 */
const writeStatement: Statement = {
  name: "write_heartbeats",
  text: `
    with held as materialized (
      select w.number::int - 1 as number, w.run_id, w.seq, w.epoch, w.heartbeat_at, w.details,
        a.is_cancel_requested
      from unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[], $5::bytea[])
        with ordinality w (run_id, seq, epoch, heartbeat_at, details, number)
      join activities a on a.run_id = w.run_id and a.seq = w.seq
      where a.lease_epoch = w.epoch
    ),
    written as (
      insert into activity_heartbeats as h (run_id, seq, epoch, heartbeat_at, details)
      select run_id, seq, epoch, heartbeat_at, details
      from held
      order by run_id, seq
      on conflict (run_id, seq) do update
      set epoch = excluded.epoch, heartbeat_at = excluded.heartbeat_at, details = coalesce(excluded.details, h.details)
      where excluded.epoch > h.epoch or (excluded.epoch = h.epoch and excluded.heartbeat_at >= h.heartbeat_at)
    )
    select number, is_cancel_requested
    from held`,
};

const readStatement: Statement = {
  name: "read_heartbeats",
  text: `
    select w.number::int - 1 as number, h.epoch, h.heartbeat_at as at, h.details
    from unnest($1::uuid[], $2::int[]) with ordinality w (run_id, seq, number)
    join activity_heartbeats h on h.run_id = w.run_id and h.seq = w.seq`,
};

const removeStatement: Statement = {
  name: "remove_old_heartbeats",
  text: `
    delete from activity_heartbeats
    where (run_id, seq) in (
      select h.run_id, h.seq
      from activity_heartbeats h
      where h.heartbeat_at < ${nowMicros} - 60000000
        and not exists (select from activities a where a.run_id = h.run_id and a.seq = h.seq)
      order by h.run_id, h.seq
      limit $1::int
      for update of h skip locked
    )
    returning run_id`,
};
