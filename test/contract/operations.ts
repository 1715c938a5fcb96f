/** All operations whose contract is tested, in the order of docs/operations.md. */
import { completeActivityTasks } from "./activities/complete-activity-tasks.js";
import { failActivityTasks } from "./activities/fail-activity-tasks.js";
import { heartbeatActivityTasks } from "./activities/heartbeat-activity-tasks.js";
import { pollActivityTasks } from "./activities/poll-activity-tasks.js";
import type { OperationContract } from "./contract.js";
import { createNamespace } from "./namespaces/create-namespace.js";
import { getQueueStats } from "./namespaces/get-queue-stats.js";
import { listNamespaces } from "./namespaces/list-namespaces.js";
import { answerQueries } from "./workers/answer-queries.js";
import { drainWorker } from "./workers/drain-worker.js";
import { heartbeatWorker } from "./workers/heartbeat-worker.js";
import { listWorkers } from "./workers/list-workers.js";
import { registerWorker } from "./workers/register-worker.js";
import { renewWorkflowTasks } from "./workers/renew-workflow-tasks.js";
import { appendCommands } from "./workflow-tasks/append-commands.js";
import { completeWorkflowTasks } from "./workflow-tasks/complete-workflow-tasks.js";
import { failWorkflowTasks } from "./workflow-tasks/fail-workflow-tasks.js";
import { pollWorkflowTasks } from "./workflow-tasks/poll-workflow-tasks.js";
import { startWorkflow } from "./workflows/start-workflow.js";

export const operations: readonly OperationContract[] = [
  startWorkflow,
  pollActivityTasks,
  completeActivityTasks,
  failActivityTasks,
  heartbeatActivityTasks,
  pollWorkflowTasks,
  completeWorkflowTasks,
  appendCommands,
  failWorkflowTasks,
  registerWorker,
  heartbeatWorker,
  listWorkers,
  renewWorkflowTasks,
  drainWorker,
  answerQueries,
  createNamespace,
  listNamespaces,
  getQueueStats,
];
