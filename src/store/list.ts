/** Listing and counting runs. */
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type { Micros, RunState } from "../core/run-state.js";
import { type AttributeRange, attributeStatements, attributeValues } from "./list-by-attribute.js";
import { countRuns } from "./run-counts.js";
import type { Queryable, Statement } from "./statement.js";
import { decodeAttributes } from "./stored-state.js";

/** Which runs. All conditions hold together. */
export interface RunFilter {
  readonly namespaceId: string;
  /** One of these. Empty: any. */
  readonly statuses: readonly WorkflowStatus[];
  /** Empty: any. */
  readonly workflowType: string;
  /** Empty: any. */
  readonly workflowIdPrefix: string;
  /** Started at or after this time. */
  readonly startedFrom: Micros | undefined;
  /** Started before this time. */
  readonly startedTo: Micros | undefined;
  /** Search attributes with a value within a range of texts. */
  readonly attributes: readonly AttributeRange[];
}

/** Where in a listing a run stands. It stays right while runs come and go. */
export interface RunPosition {
  readonly startedAt: Micros;
  readonly runId: string;
}

/** A run as a listing shows it. */
export type RunRow = Pick<
  RunState,
  | "runId"
  | "namespaceId"
  | "workflowId"
  | "workflowType"
  | "taskQueue"
  | "status"
  | "startedAt"
  | "closedAt"
  | "settings"
  | "nextEventId"
  | "historyBytes"
  | "cancelRequestedEventId"
  | "attributes"
>;

/** Where a listing begins, and how much it takes. */
export interface ListBounds {
  readonly after: RunPosition | undefined;
  readonly limit: number;
  /** So many bytes of attributes and memos, but one run at least. */
  readonly maxBytes: number;
}

/** What was found. */
export interface RunRows {
  readonly rows: RunRow[];
  readonly hasMore: boolean;
}

/** Lists runs, newest first, from behind a position on. */
export async function listWorkflows(
  q: Queryable,
  ask: ListBounds & { readonly filter: RunFilter },
): Promise<RunRows> {
  const { filter, after, limit, maxBytes } = ask;
  const before = firstPlace(filter, after);
  const values = [...filterValues(filter), before.startedAt, before.runId, limit, maxBytes];
  const found =
    filter.attributes.length > 0
      ? await listByAttributes(q, filter, before, values)
      : await q.query<FoundRow>(statementsFor(filter).list, values);
  return readRows(found, limit);
}

/** Before which place runs are listed: before that of the page, and started in time. */
function firstPlace({ startedTo = endOfTime }: RunFilter, after: RunPosition | undefined): RunPosition {
  const isInTime = after !== undefined && after.startedAt < startedTo;
  return isInTime ? after : { startedAt: startedTo - 1, runId: lastRunId };
}

/** Lists the runs that have a parent, the oldest first, from behind a position on. */
export async function listChildren(
  q: Queryable,
  ask: ListBounds & { readonly parentRunId: string },
): Promise<RunRows> {
  const { parentRunId, limit, maxBytes } = ask;
  const { startedAt, runId } = ask.after ?? { startedAt: 0, runId: firstRunId };
  const values = [parentRunId, startedAt, runId, limit, maxBytes];
  return readRows(await q.query<FoundRow>(childrenStatement, values), limit);
}

function listByAttributes(
  q: Queryable,
  { attributes, startedFrom }: RunFilter,
  before: RunPosition,
  values: readonly unknown[],
): Promise<FoundRow[]> {
  const { values: ofAttributes, isEqual } = attributeValues(attributes);
  const isOfAnyTime = startedFrom === undefined && before.startedAt === endOfTime - 1;
  const listWithin = isOfAnyTime ? byAttribute.listWithin : byAttribute.listWithinTime;
  return q.query<FoundRow>(isEqual ? byAttribute.listEqual : listWithin, [...values, ...ofAttributes]);
}

/** One row behind the limit was looked for. */
function readRows(found: readonly FoundRow[], limit: number): RunRows {
  const rows = found.slice(0, limit).map(readRow);
  return { rows, hasMore: (found[0]?.found ?? 0) > rows.length };
}

function readRow({ found: _found, closedAt, cancelRequestedEventId, attributes, ...row }: FoundRow): RunRow {
  return {
    ...row,
    attributes: decodeAttributes(attributes),
    closedAt: closedAt ?? undefined,
    cancelRequestedEventId: cancelRequestedEventId ?? undefined,
  };
}

/** Counts runs by status; statuses with none are left out. */
export async function countWorkflows(
  q: Queryable,
  filter: RunFilter,
): Promise<{ status: WorkflowStatus; count: number }[]> {
  if (isByStatusAlone(filter)) return countRuns(q, filter.namespaceId, wantedStatuses(filter));
  if (filter.attributes.length === 0) return q.query(statementsFor(filter).count, filterValues(filter));
  const { values } = attributeValues(filter.attributes);
  return q.query(byAttribute.count, [...filterValues(filter), ...values]);
}

/** A row, with how many were found in all. */
type FoundRow = Omit<RunRow, "closedAt" | "cancelRequestedEventId" | "attributes"> & {
  found: number;
  attributes: Buffer | null;
  closedAt: Micros | null;
  cancelRequestedEventId: number | null;
};

/** Every status that a run can have. */
export const everyStatus = Object.values(WorkflowStatus).filter(
  (status): status is WorkflowStatus => typeof status === "number" && status !== WorkflowStatus.UNSPECIFIED,
);

const endOfTime = Number.MAX_SAFE_INTEGER;
const firstRunId = "00000000-0000-0000-0000-000000000000";
const lastRunId = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** In the collation "C" nothing that begins with the prefix comes after it with this behind it. */
const lastText = "\u{10ffff}".repeat(2);

function isByStatusAlone(filter: RunFilter): boolean {
  const { workflowType, workflowIdPrefix, startedFrom, startedTo, attributes } = filter;
  const isOfAnyTime = startedFrom === undefined && startedTo === undefined;
  return workflowType === "" && workflowIdPrefix === "" && isOfAnyTime && attributes.length === 0;
}

function wantedStatuses({ statuses }: RunFilter): readonly WorkflowStatus[] {
  return statuses.length === 0 ? everyStatus : statuses;
}

function filterValues(filter: RunFilter): unknown[] {
  const { namespaceId, workflowType, workflowIdPrefix } = filter;
  return [
    namespaceId,
    wantedStatuses(filter),
    workflowType,
    workflowIdPrefix,
    `${workflowIdPrefix}${lastText}`,
    filter.startedFrom ?? 0,
    filter.startedTo ?? endOfTime,
  ];
}

/** By the index that narrows the most; the other conditions are checked row by row. */
function statementsFor(filter: RunFilter): { list: Statement; count: Statement } {
  if (filter.workflowIdPrefix !== "") return byWorkflowId;
  return filter.workflowType === "" ? byStatus : byType;
}

const isWanted = `
  r.namespace_id = $1::uuid and r.started_at >= $6::bigint and r.started_at < $7::bigint and not r.is_deleting`;
const isOfType = "r.workflow_type = $3::text";
const isOfAnyType = "($3::text = '' or r.workflow_type = $3::text)";
/** Every statement takes all values, and Postgres wants to see each used. */
const isUnprefixed = "$4::text = '' and $5::text <> ''";
const isBehind = "(r.started_at, r.run_id) < ($8::bigint, $9::uuid)";

const columns = `
  r.run_id as "runId", r.namespace_id as "namespaceId", r.workflow_id as "workflowId", r.workflow_type as "workflowType",
  r.task_queue as "taskQueue", r.status, r.started_at as "startedAt", r.closed_at as "closedAt", r.settings,
  r.next_event_id as "nextEventId", r.history_bytes as "historyBytes",
  r.cancel_requested_event_id as "cancelRequestedEventId",
  (select a.attributes from run_attributes a where a.run_id = r.run_id) as attributes`;
const shown = `
      "runId", "namespaceId", "workflowId", "workflowType", "taskQueue", status, "startedAt", "closedAt", settings, "nextEventId",
      "historyBytes", "cancelRequestedEventId", attributes`;

/** Of runs in an order, as many as fit; attributes and memos of the others stay where they are stored. */
function bounded(runs: string, order: string, maxBytes: string): string {
  return `
    select ${shown}, found::int as found
    from (
      select *, count(*) over () as found, row_number() over (order by ${order}) as place,
        sum(coalesce(octet_length(attributes), 0)) over (order by ${order}) as bytes
      from (${runs}) page
    ) measured
    where place = 1 or bytes <= ${maxBytes}::bigint
    order by ${order}`;
}

const oldestFirst = '"startedAt", "runId"';
const newestFirst = '"startedAt" desc, "runId" desc';

const childrenStatement: Statement = {
  name: "list_children",
  text: bounded(
    `
      select ${columns}
      from runs r
      where r.parent_run_id = $1::uuid and (r.started_at, r.run_id) > ($2::bigint, $3::uuid) and not r.is_deleting
      order by r.started_at, r.run_id
      limit $4::int + 1`,
    oldestFirst,
    "$5",
  ),
};

/** The newest of each status, merged: an index scan of a page's length for each, however many runs there are. */
function listByStatus(name: string, condition: string): Statement {
  return {
    name,
    text: bounded(
      `
      select ${columns}
      from (select distinct unnest($2::smallint[]) as status) s
      cross join lateral (
        select r.*
        from runs r
        where ${isWanted} and ${condition} and r.status = s.status and ${isBehind} and ${isUnprefixed}
        order by r.started_at desc, r.run_id desc
        limit $10::int + 1
      ) r
      order by r.started_at desc, r.run_id desc
      limit $10::int + 1`,
      newestFirst,
      "$11",
    ),
  };
}

/** Behind "offset 0" the planner can't choose another index for the sake of the other conditions. */
const runsOfPrefix = `(
        select *
        from runs
        where namespace_id = $1::uuid and workflow_id >= $4::text and workflow_id < $5::text
        offset 0
      )`;

function count(name: string, condition: string, runs = "runs"): Statement {
  return {
    name,
    text: `
      select r.status, count(*) as count
      from ${runs} r
      where ${isWanted} and ${condition} and r.status = any($2::smallint[])
      group by r.status
      order by r.status`,
  };
}

const byStatus = {
  list: listByStatus("list_by_status", "$3::text = ''"),
  count: count("count_by_status", `$3::text = '' and ${isUnprefixed}`),
};

const byType = {
  list: listByStatus("list_by_type", isOfType),
  count: count("count_by_type", `${isOfType} and ${isUnprefixed}`),
};

const byWorkflowId = {
  list: {
    name: "list_by_workflow_id",
    text: bounded(
      `
      select ${columns}
      from ${runsOfPrefix} r
      where ${isWanted} and ${isOfAnyType} and r.status = any($2::smallint[]) and ${isBehind}
      order by r.started_at desc, r.run_id desc
      limit $10::int + 1`,
      newestFirst,
      "$11",
    ),
  },
  count: count("count_by_workflow_id", isOfAnyType, runsOfPrefix),
};

const byAttribute = attributeStatements({
  columns,
  isWanted: `
        ${isWanted} and ${isOfAnyType} and r.status = any($2::smallint[])
        and (r.workflow_id >= $4::text and r.workflow_id < $5::text)`,
  bounded: (runs) => bounded(runs, newestFirst, "$11"),
});
