/** All operations whose contract is tested, in the order of docs/operations.md. */
import type { OperationContract } from "./contract.js";
import { cancelWorkflow } from "./workflows/cancel-workflow.js";
import { countWorkflows } from "./workflows/count-workflows.js";
import { getHistory } from "./workflows/get-history.js";
import { getUpdateResult } from "./workflows/get-update-result.js";
import { getWorkflow } from "./workflows/get-workflow.js";
import { getWorkflowResult } from "./workflows/get-workflow-result.js";
import { listChildWorkflows } from "./workflows/list-child-workflows.js";
import { listWorkflows } from "./workflows/list-workflows.js";
import { queryWorkflow } from "./workflows/query-workflow.js";
import { signalWithStartWorkflow } from "./workflows/signal-with-start-workflow.js";
import { signalWorkflow } from "./workflows/signal-workflow.js";
import { startWorkflow } from "./workflows/start-workflow.js";
import { startWorkflows } from "./workflows/start-workflows.js";
import { terminateWorkflow } from "./workflows/terminate-workflow.js";
import { updateWorkflow } from "./workflows/update-workflow.js";

export const operations: readonly OperationContract[] = [
  startWorkflow,
  startWorkflows,
  getWorkflow,
  listWorkflows,
  countWorkflows,
  cancelWorkflow,
  terminateWorkflow,
  signalWorkflow,
  signalWithStartWorkflow,
  getHistory,
  listChildWorkflows,
  getWorkflowResult,
  queryWorkflow,
  updateWorkflow,
  getUpdateResult,
];
