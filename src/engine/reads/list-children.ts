/** Listing the children of a run. */
import type { ListChildWorkflowsRequest } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { listChildren } from "../../store/list.js";
import type { Call } from "../engine.js";
import { readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { findRun } from "./find-run.js";
import { isRunPosition } from "./list-workflows.js";
import { workflowRecord } from "./workflow-record.js";

/** Lists the children of a run, open and closed, in the order in which they were started. */
export async function listChildWorkflows(
  parts: EngineParts,
  request: ListChildWorkflowsRequest,
  _call: Call,
) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { workflowId, runId, pageSize, pageToken } = request;
  const parent = await findRun(parts, { namespaceId, workflowId, runId });
  const query = { childrenOf: parent.runId };
  const after = pageToken === "" ? undefined : readPageToken(pageToken, query, isRunPosition);
  const rows = await listChildren(parts.database.read, {
    parentRunId: parent.runId,
    after,
    limit: pageSize + 1,
  });
  const page = rows.slice(0, pageSize);
  const last = page.at(-1);
  const hasMore = rows.length > pageSize && last !== undefined;
  return {
    workflows: page.map(workflowRecord),
    nextPageToken: hasMore ? writePageToken(query, { startedAt: last.startedAt, runId: last.runId }) : "",
  };
}
