/** The parts of the statement that writes a batch which are about messages and schedules. */
import type { BatchTable } from "./batch-input.js";

/**
 * Written so that the planner makes a hash table of the units that won, whatever it believes about their number, where a join would compare
 * each row with each unit.
 */
export const isWon = (row: string) => `(${row}.unit in (select unit from ok)) is true`;

/** A request id may be used again after a day. */
export const forgetsOldRequest = `on conflict (namespace_id, request_id) do update
    set content_hash = excluded.content_hash, answer = excluded.answer, made_at = excluded.made_at
    where schedule_requests.made_at <= excluded.made_at - 86400000000`;

/** To hold: messages that are delivered, and schedules by version. */
export const betweenRunHolds = {
  deliveredMessages: `
  held_message as materialized (
    select w.unit
    from delivered_message w
    join messages m on m.sender_run_id = w.sender_run_id and m.number = w.number
    for update of m skip locked
  )`,
  changedSchedules: `
  held_schedule as materialized (
    select w.unit
    from changed_schedule w
    join schedules s on s.namespace_id = w.namespace_id and s.schedule_id = w.schedule_id and s.version = w.expected_version
    for update of s skip locked
  )`,
} satisfies Partial<Record<BatchTable, string>>;

/** What units need of them and what they hold. */
export const betweenRunCounts = {
  deliveredMessages: `
    select unit, 1, 0 from delivered_message
    union all
    select unit, 0, 1 from held_message`,
  changedSchedules: `
    select unit, 1, 0 from changed_schedule
    union all
    select unit, 0, 1 from held_schedule`,
} satisfies Partial<Record<BatchTable, string>>;

/** What is written of them for the units that won, given where its rows are. */
export const betweenRunParts = {
  sentMessages: (rows: string) => `
  sent_message as (
    insert into messages (sender_run_id, number, receiver_namespace_id, receiver_workflow_id, receiver_run_id, is_for_schedule, sender, sent_at, event)
    select sender_run_id, number, receiver_namespace_id, receiver_workflow_id, receiver_run_id, is_for_schedule, sender, sent_at, event
    from ${rows} w
    where ${isWon("w")}
  )`,
  deliveredMessages: (rows: string) => `
  gone_message as (
    delete from messages m
    using ${rows} w
    where m.sender_run_id = w.sender_run_id and m.number = w.number
      and ${isWon("w")}
  )`,
  changedSchedules: (rows: string) => `
  written_schedule as (
    update schedules s
    set version = w.version, progress = w.progress, last_result = coalesce(w.last_result, s.last_result), next_fire_at = w.next_fire_at
    from ${rows} w
    where s.namespace_id = w.namespace_id and s.schedule_id = w.schedule_id
      and ${isWon("w")}
  )`,
  madeScheduleRequests: (rows: string) => `
  made_schedule_request as (
    insert into schedule_requests (namespace_id, request_id, content_hash, answer, made_at)
    select namespace_id, request_id, content_hash, answer, made_at
    from ${rows} w
    where ${isWon("w")}
    order by namespace_id, request_id
    ${forgetsOldRequest}
  )`,
} satisfies Partial<Record<BatchTable, (rows: string) => string>>;
