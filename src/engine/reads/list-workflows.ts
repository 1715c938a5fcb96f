/** Listing and counting runs. */
import type {
  SearchAttributeFilter,
  SearchAttributeValue,
} from "../../../gen/pawl/v1/search_attribute_pb.js";
import { WorkflowSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import type {
  CountWorkflowsRequest,
  ListWorkflowsRequest,
  WorkflowFilter,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { invalidField } from "../../core/refusals.js";
import { checkValue } from "../../core/search-attributes.js";
import { checkName } from "../../core/text.js";
import { workflowRecord } from "../../core/workflow-record.js";
import {
  countWorkflows as countRows,
  listWorkflows as listRows,
  type RunFilter,
  type RunPosition,
} from "../../store/list.js";
import type { AttributeRange } from "../../store/list-by-attribute.js";
import { between, equalTo } from "../../store/search-values.js";
import type { Call } from "../engine.js";
import { readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { mostPageBytes } from "../response-size.js";
import { microsFromTimestamp } from "../time.js";
import { fillPage } from "./page.js";

const defaultPageSize = 100;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Lists runs, newest first. */
export async function listWorkflows(parts: EngineParts, request: ListWorkflowsRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const filter = filterOf(namespaceId, request.filter);
  const limit = request.pageSize === 0 ? defaultPageSize : request.pageSize;
  const after =
    request.pageToken === "" ? undefined : readPageToken(request.pageToken, filter, isRunPosition);
  const maxBytes = mostPageBytes(parts);
  const found = await listRows(parts.database.read, { filter, after, limit, maxBytes });
  const { elements, last } = fillPage(WorkflowSchema, { pageSize: limit, maxBytes }, found, workflowRecord);
  return {
    workflows: elements,
    nextPageToken: last ? writePageToken(filter, { startedAt: last.startedAt, runId: last.runId }) : "",
  };
}

/** Counts runs. */
export async function countWorkflows(parts: EngineParts, request: CountWorkflowsRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const counts = await countRows(parts.database.read, filterOf(namespaceId, request.filter));
  const byStatus = counts.map(({ status, count }) => ({ status, count: BigInt(count) }));
  return {
    count: byStatus.reduce((sum, { count }) => sum + count, 0n),
    byStatus: request.groupByStatus ? byStatus : [],
  };
}

function filterOf(namespaceId: string, filter: WorkflowFilter | undefined): RunFilter {
  const from = filter?.startTimeFrom;
  const to = filter?.startTimeTo;
  return {
    namespaceId,
    statuses: [...(filter?.statuses ?? [])].sort(),
    workflowType: filter?.workflowType ?? "",
    workflowIdPrefix: filter?.workflowIdPrefix ?? "",
    startedFrom: from === undefined ? undefined : microsFromTimestamp(from),
    startedTo: to === undefined ? undefined : microsFromTimestamp(to),
    attributes: (filter?.searchAttributes ?? []).map(attributeRange),
  };
}

/** The values that a condition takes, as the database has them. */
function attributeRange({ name, condition }: SearchAttributeFilter, index: number): AttributeRange {
  const field = `filter.search_attributes[${index}]`;
  checkName(name, `${field}.name`);
  if (condition.case === "equals") {
    checkBound(condition.value, `${field}.equals`);
    return { name, isEqual: true, ...equalTo(condition.value) };
  }
  const { from, to } = condition.value ?? {};
  const cases = [from, to].flatMap((bound) => (bound === undefined ? [] : [bound.value.case]));
  if (cases.length === 0) throw invalidField(`${field}.range`, "must have a lower or an upper bound");
  if (from !== undefined) checkBound(from, `${field}.range.from`);
  if (to !== undefined) checkBound(to, `${field}.range.to`);
  if (cases.some((type) => type === "keyword" || type === "boolean"))
    throw invalidField(`${field}.range`, "must be of integers, numbers or times");
  if (new Set(cases).size > 1) throw invalidField(`${field}.range`, "must have bounds of one type");
  return { name, isEqual: false, ...between(from, to) };
}

function checkBound(value: SearchAttributeValue, field: string): void {
  if (value.value.case === undefined) throw invalidField(field, "must have a value");
  checkValue(value, field);
}

/** Whether a value is a place in a listing of runs. */
export function isRunPosition(value: unknown): value is RunPosition {
  if (typeof value !== "object" || value === null) return false;
  const { startedAt, runId } = value as { startedAt?: unknown; runId?: unknown };
  return Number.isSafeInteger(startedAt) && isRunId(runId);
}

/** Whether a value has the form of a run id. */
export function isRunId(value: unknown): value is string {
  return typeof value === "string" && uuidPattern.test(value);
}
