/** Reading schedules, and writing those changes that start no run. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { ScheduleDefinitionSchema } from "../../gen/pawl/v1/schedule_pb.js";
import type { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type { Micros } from "../core/run-state.js";
import type { ScheduleName, ScheduleProgress, ScheduleState } from "../core/schedules/schedule-state.js";
import { forgetsOldRequest } from "./batch-between-runs.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";
import type { ScheduleRequest } from "./unit.js";

/** Schedules as they were loaded, in the order of their names. */
export interface LoadedSchedules {
  /** When, by the database's clock. Undefined: none was found. */
  readonly now: Micros | undefined;
  readonly schedules: (ScheduleState | undefined)[];
}

/** Loads schedules with one statement. */
export async function loadSchedules(q: Queryable, names: readonly ScheduleName[]): Promise<LoadedSchedules> {
  const rows = await q.query<ScheduleRow & { ask: number; now: Micros }>(loadStatement, [
    names.map(({ namespaceId }) => namespaceId),
    names.map(({ scheduleId }) => (scheduleId.includes("\0") ? "" : scheduleId)),
  ]);
  const byAsk = new Map(rows.map((row) => [row.ask, row]));
  const schedules = names.map((_, index) => {
    const row = byAsk.get(index + 1);
    return row && readSchedule(row);
  });
  return { now: rows[0]?.now, schedules };
}

/** A page of the schedules of a namespace, by id, without their last results; it ends early if their definitions are larger than so many bytes. */
export async function listSchedules(
  q: Queryable,
  ask: {
    readonly namespaceId: string;
    readonly after: string;
    readonly limit: number;
    readonly maxBytes: number;
  },
): Promise<{ readonly schedules: ScheduleState[]; readonly hasMore: boolean }> {
  const values = [ask.namespaceId, ask.after, ask.limit, ask.maxBytes];
  const rows = await q.query<ScheduleRow & { found: number }>(listStatement, values);
  const page = rows.slice(0, ask.limit);
  return { schedules: page.map(readSchedule), hasMore: (rows[0]?.found ?? 0) > page.length };
}

/** A schedule with something to do. */
export interface DueSchedule extends ScheduleName {
  readonly dueAt: Micros;
  readonly revision: number;
}

/** What is due, and what comes after it. */
export interface DueSchedules {
  readonly schedules: DueSchedule[];
  readonly nextAt: Micros | undefined;
}

/** Finds the schedules that are due by a time, the earliest first, from behind another on. */
export async function dueSchedules(
  q: Queryable,
  ask: { readonly by: Micros; readonly after?: DueSchedule | undefined; readonly limit: number },
): Promise<DueSchedules> {
  const { by, after, limit } = ask;
  const { dueAt = 0, namespaceId = nilUuid, scheduleId = "" } = after ?? {};
  const values = [by, limit, dueAt, namespaceId, scheduleId];
  const rows = await q.query<DueSchedule>(dueStatement, values);
  return {
    schedules: rows.filter(({ dueAt }) => dueAt <= by),
    nextAt: rows.find(({ dueAt }) => dueAt > by)?.dueAt,
  };
}

/** Writes a change: of a schedule that is new (no `before`), or gone (no `after`), or still as it was read. False: it is not so any more. */
export async function writeSchedule(
  q: Queryable,
  change: {
    readonly before: ScheduleState | undefined;
    readonly after: ScheduleState | undefined;
    readonly request: ScheduleRequest | undefined;
  },
): Promise<boolean> {
  const { before, after, request } = change;
  const state = after ?? before;
  if (state === undefined) return true;
  const { namespaceId, scheduleId, version } = state;
  const asked = [
    request?.requestId ?? "",
    request?.contentHash ?? "",
    JSON.stringify(request?.answer ?? null),
    request?.madeAt ?? 0,
  ];
  if (after === undefined)
    return isWritten(q.query(deleteStatement, [...asked, namespaceId, scheduleId, version]));
  const definition = Buffer.from(toBinary(ScheduleDefinitionSchema, after.definition));
  const { revision, progress, nextFireAt = null, createdAt, updatedAt } = after;
  const values = [
    ...asked,
    namespaceId,
    scheduleId,
    revision,
    definition,
    JSON.stringify(progress),
    nextFireAt,
    updatedAt,
  ];
  if (before === undefined) return isWritten(q.query(insertStatement, [...values, createdAt]));
  return isWritten(q.query(updateStatement, [...values, before.version]));
}

async function isWritten(rows: Promise<object[]>): Promise<boolean> {
  return (await rows).length > 0;
}

/** Finds what was answered to a request within the last day. */
export async function findScheduleRequest(
  q: Queryable,
  { namespaceId, requestId }: { readonly namespaceId: string; readonly requestId: string },
): Promise<Pick<ScheduleRequest, "contentHash" | "answer"> | undefined> {
  const [row] = await q.query<{ contentHash: string; answer: unknown }>(findRequestStatement, [
    namespaceId,
    requestId,
  ]);
  return row;
}

/** Removes requests that are a day old. */
export async function removeOldScheduleRequests(q: Queryable, most: number): Promise<void> {
  await q.query(removeOldStatement, [most]);
}

interface ScheduleRow {
  namespace_id: string;
  namespace: string;
  schedule_id: string;
  version: number;
  revision: number;
  definition: Buffer;
  progress: ScheduleProgress;
  last_result: Buffer | null;
  next_fire_at: number | null;
  created_at: number;
  updated_at: number;
}

function readSchedule(row: ScheduleRow): ScheduleState {
  return {
    namespaceId: row.namespace_id,
    namespace: row.namespace,
    scheduleId: row.schedule_id,
    version: row.version,
    revision: row.revision,
    definition: fromBinary(ScheduleDefinitionSchema, row.definition),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    progress: row.progress,
    lastResult: row.last_result === null ? undefined : fromBinary(PayloadSchema, row.last_result),
    nextFireAt: row.next_fire_at ?? undefined,
  };
}

const columns = `s.namespace_id, n.name as namespace, s.schedule_id, s.version, s.revision, s.definition, s.progress, s.next_fire_at,
      s.created_at, s.updated_at`;

const loadStatement: Statement = {
  name: "load_schedules",
  text: `
    select a.ask::int as ask, ${nowMicros} as now, ${columns}, s.last_result
    from unnest($1::uuid[], $2::text[]) with ordinality a (namespace_id, schedule_id, ask)
    join schedules s on s.namespace_id = a.namespace_id and s.schedule_id = a.schedule_id
    join namespaces n on n.namespace_id = s.namespace_id`,
};

const listStatement: Statement = {
  name: "list_schedules",
  text: `
    select ${columns}, null::bytea as last_result, s.found::int as found
    from (
      select *, count(*) over () as found, row_number() over (order by schedule_id) as place,
        sum(octet_length(definition)) over (order by schedule_id) as bytes
      from (
        select *
        from schedules
        where namespace_id = $1::uuid and schedule_id > $2::text
        order by schedule_id
        limit $3::int + 1
      ) page
    ) s
    join namespaces n on n.namespace_id = s.namespace_id
    where s.place = 1 or s.bytes <= $4::bigint
    order by s.schedule_id`,
};

const nilUuid = "00000000-0000-0000-0000-000000000000";

/** The one behind the limit, or behind the time, tells when to look again. */
const dueStatement: Statement = {
  name: "due_schedules",
  text: `
    (select namespace_id as "namespaceId", schedule_id as "scheduleId", next_fire_at as "dueAt", revision
      from schedules
      where next_fire_at <= $1::bigint and (next_fire_at, namespace_id, schedule_id) > ($3::bigint, $4::uuid, $5::text)
      order by next_fire_at, namespace_id, schedule_id
      limit $2::int)
    union all
    (select namespace_id, schedule_id, next_fire_at, revision
      from schedules
      where next_fire_at > $1::bigint
      order by next_fire_at, namespace_id, schedule_id
      limit 1)`,
};

/** $1 to $4 are the request, $5 and $6 the schedule. */
const noted = `
    noted as (
      insert into schedule_requests (namespace_id, request_id, content_hash, answer, made_at)
      select $5::uuid, $1::text, $2::text, $3::json, $4::bigint
      from written
      where $1::text <> ''
      ${forgetsOldRequest}
    )
    select version
    from written`;

/** Waiting for a lock would keep a connection from those who hold it: what is locked is being changed, and counts as such. */
const held = (version: string) => `
      select schedule_id
      from schedules
      where namespace_id = $5::uuid and schedule_id = $6::text and version = ${version}::bigint
      for update skip locked`;

const insertStatement: Statement = {
  name: "insert_schedule",
  text: `
    with written as (
      insert into schedules (namespace_id, schedule_id, version, revision, definition, progress, next_fire_at, updated_at, created_at)
      select namespace_id, $6::text, 1, $7::bigint, $8::bytea, $9::json, $10::bigint, $11::bigint, $12::bigint
      from namespaces
      where namespace_id = $5::uuid and state = 1
      for key share
      on conflict do nothing
      returning version
    ),${noted}`,
};

const updateStatement: Statement = {
  name: "update_schedule",
  text: `
    with held as materialized (${held("$12")}),
    written as (
      update schedules
      set version = version + 1, revision = $7::bigint, definition = $8::bytea, progress = $9::json, next_fire_at = $10::bigint,
        updated_at = $11::bigint
      where namespace_id = $5::uuid and schedule_id = (select schedule_id from held)
      returning version
    ),${noted}`,
};

const deleteStatement: Statement = {
  name: "delete_schedule",
  text: `
    with held as materialized (${held("$7")}),
    written as (
      delete from schedules
      where namespace_id = $5::uuid and schedule_id = (select schedule_id from held)
      returning version
    ),${noted}`,
};

const findRequestStatement: Statement = {
  name: "find_schedule_request",
  text: `
    select content_hash as "contentHash", answer
    from schedule_requests
    where namespace_id = $1::uuid and request_id = $2::text and made_at > ${nowMicros} - 86400000000`,
};

const removeOldStatement: Statement = {
  name: "remove_old_schedule_requests",
  text: `
    delete from schedule_requests
    where (namespace_id, request_id) in (
      select namespace_id, request_id
      from schedule_requests
      where made_at <= ${nowMicros} - 86400000000
      order by made_at
      limit $1::int
      for update skip locked
    )`,
};

/** Where runs stand now, by their workflow ids. */
export async function currentStatuses(
  q: Queryable,
  namespaceId: string,
  workflowIds: readonly string[],
): Promise<ReadonlyMap<string, WorkflowStatus>> {
  if (workflowIds.length === 0) return new Map();
  const rows = await q.query<{ workflow_id: string; status: WorkflowStatus }>(statusStatement, [
    namespaceId,
    workflowIds,
  ]);
  return new Map(rows.map(({ workflow_id, status }) => [workflow_id, status]));
}

const statusStatement: Statement = {
  name: "current_statuses",
  text: `
    select i.workflow_id, r.status
    from unnest($2::text[]) w (workflow_id)
    join workflow_ids i on i.namespace_id = $1::uuid and i.workflow_id = w.workflow_id
    join runs r on r.run_id = i.run_id`,
};
