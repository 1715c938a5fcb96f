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

/** Lists runs, newest first, from behind a position on. */
export async function listWorkflows(
  q: Queryable,
  ask: { readonly filter: RunFilter; readonly after: RunPosition | undefined; readonly limit: number },
): Promise<RunRow[]> {
  const { filter, after, limit } = ask;
  const before = firstPlace(filter, after);
  const place = [before.startedAt, before.runId, limit];
  if (filter.attributes.length > 0) return listByAttributes(q, filter, place);
  const values = [...filterValues(filter), ...place];
  return (await q.query<StoredRunRow>(statementsFor(filter).list, values)).map(readRow);
}

/** Before which place runs are listed: before that of the page, and started in time. */
function firstPlace({ startedTo = endOfTime }: RunFilter, after: RunPosition | undefined): RunPosition {
  const isInTime = after !== undefined && after.startedAt < startedTo;
  return isInTime ? after : { startedAt: startedTo - 1, runId: lastRunId };
}

/** Lists the runs that have a parent, the oldest first, from behind a position on. */
export async function listChildren(
  q: Queryable,
  ask: { readonly parentRunId: string; readonly after: RunPosition | undefined; readonly limit: number },
): Promise<RunRow[]> {
  const { startedAt, runId } = ask.after ?? { startedAt: 0, runId: firstRunId };
  const values = [ask.parentRunId, startedAt, runId, ask.limit];
  return (await q.query<StoredRunRow>(childrenStatement, values)).map(readRow);
}

async function listByAttributes(
  q: Queryable,
  filter: RunFilter,
  place: readonly unknown[],
): Promise<RunRow[]> {
  const { values, isEqual } = attributeValues(filter.attributes);
  const isOfAnyTime = filter.startedFrom === undefined && filter.startedTo === undefined;
  const listWithin = isOfAnyTime ? byAttribute.listWithin : byAttribute.listWithinTime;
  const statement = isEqual ? byAttribute.listEqual : listWithin;
  const rows = await q.query<StoredRunRow>(statement, [...filterValues(filter), ...place, ...values]);
  return rows.map(readRow);
}

function readRow({ closedAt, cancelRequestedEventId, attributes, ...row }: StoredRunRow): RunRow {
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

type StoredRunRow = Omit<RunRow, "closedAt" | "cancelRequestedEventId" | "attributes"> & {
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

const childrenStatement: Statement = {
  name: "list_children",
  text: `
    select ${columns}
    from runs r
    where r.parent_run_id = $1::uuid and (r.started_at, r.run_id) > ($2::bigint, $3::uuid) and not r.is_deleting
    order by r.started_at, r.run_id
    limit $4::int`,
};

/** The newest of each status, merged: an index scan of a page's length for each, however many runs there are. */
function listByStatus(name: string, condition: string): Statement {
  return {
    name,
    text: `
      select ${columns}
      from (select distinct unnest($2::smallint[]) as status) s
      cross join lateral (
        select r.*
        from runs r
        where ${isWanted} and ${condition} and r.status = s.status and ${isBehind} and ${isUnprefixed}
        order by r.started_at desc, r.run_id desc
        limit $10::int
      ) r
      order by r.started_at desc, r.run_id desc
      limit $10::int`,
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
    text: `
      select ${columns}
      from ${runsOfPrefix} r
      where ${isWanted} and ${isOfAnyType} and r.status = any($2::smallint[]) and ${isBehind}
      order by r.started_at desc, r.run_id desc
      limit $10::int`,
  },
  count: count("count_by_workflow_id", isOfAnyType, runsOfPrefix),
};

const byAttribute = attributeStatements({
  columns,
  isWanted: `
        ${isWanted} and ${isOfAnyType} and r.status = any($2::smallint[])
        and (r.workflow_id >= $4::text and r.workflow_id < $5::text)`,
});
