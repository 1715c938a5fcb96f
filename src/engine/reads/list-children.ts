/** Listing the children of a run. */
import { WorkflowSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import type { ListChildWorkflowsRequest } from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { RunState } from "../../core/run-state.js";
import { workflowRecord } from "../../core/workflow-record.js";
import { listChildren, type RunPosition } from "../../store/list.js";
import type { Call } from "../engine.js";
import { invalidPageToken, readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { mostPageBytes } from "../response-size.js";
import { findKnownRun, findRun } from "./find-run.js";
import { isRunId, isRunPosition } from "./list-workflows.js";
import { fillPage } from "./page.js";

/** Where a listing goes on, and of which run: a page token proves that the run was there. */
interface ChildPosition extends RunPosition {
  readonly parentRunId: string;
}

/** Lists the children of a run, open and closed, in the order in which they were started. */
export async function listChildWorkflows(
  parts: EngineParts,
  request: ListChildWorkflowsRequest,
  _call: Call,
) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { workflowId, runId, pageSize, pageToken } = request;
  const query = { childrenOf: workflowId, namespaceId };
  const after = pageToken === "" ? undefined : readPageToken(pageToken, query, isChildPosition);
  if (after !== undefined && runId !== "" && runId !== after.parentRunId)
    throw invalidPageToken("belongs to another query");
  const parent =
    after === undefined
      ? await findRun(parts, { namespaceId, workflowId, runId })
      : await findKnownRun(parts, { namespaceId, workflowId, runId: after.parentRunId });
  const maxBytes = mostPageBytes(parts);
  const ask = { parentRunId: parent.runId, after, limit: pageSize, maxBytes };
  const found = await listChildren(parts.database.read, ask);
  const { elements, last } = fillPage(WorkflowSchema, { pageSize, maxBytes }, found, workflowRecord);
  return {
    workflows: elements,
    nextPageToken: last ? writePageToken(query, positionOf(parent, last)) : "",
  };
}

function positionOf(parent: RunState, last: RunPosition): ChildPosition {
  return { startedAt: last.startedAt, runId: last.runId, parentRunId: parent.runId };
}

function isChildPosition(value: unknown): value is ChildPosition {
  return isRunPosition(value) && isRunId((value as Partial<ChildPosition>).parentRunId);
}
