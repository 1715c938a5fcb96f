/** All operations whose contract is tested, in the order of docs/operations.md. */

import { completeActivityTasks } from "./activities/complete-activity-tasks.js";
import { failActivityTasks } from "./activities/fail-activity-tasks.js";
import { getActivity } from "./activities/get-activity.js";
import { heartbeatActivityTasks } from "./activities/heartbeat-activity-tasks.js";
import { pollActivityTasks } from "./activities/poll-activity-tasks.js";
import { scheduleActivity } from "./activities/schedule-activity.js";
import type { OperationContract } from "./contract.js";
import { createNamespace } from "./namespaces/create-namespace.js";
import { deleteNamespace } from "./namespaces/delete-namespace.js";
import { getNamespaceStats } from "./namespaces/get-namespace-stats.js";
import { getQueueStats } from "./namespaces/get-queue-stats.js";
import { listNamespaces } from "./namespaces/list-namespaces.js";
import { updateNamespace } from "./namespaces/update-namespace.js";
import { backfillSchedule } from "./schedules/backfill-schedule.js";
import { createSchedule } from "./schedules/create-schedule.js";
import { deleteSchedule } from "./schedules/delete-schedule.js";
import { getSchedule } from "./schedules/get-schedule.js";
import { listSchedules } from "./schedules/list-schedules.js";
import { pauseSchedule } from "./schedules/pause-schedule.js";
import { previewSchedule } from "./schedules/preview-schedule.js";
import { resumeSchedule } from "./schedules/resume-schedule.js";
import { triggerSchedule } from "./schedules/trigger-schedule.js";
import { updateSchedule } from "./schedules/update-schedule.js";
import { answerQueries } from "./workers/answer-queries.js";
import { drainWorker } from "./workers/drain-worker.js";
import { heartbeatWorker } from "./workers/heartbeat-worker.js";
import { listWorkers } from "./workers/list-workers.js";
import { registerWorker } from "./workers/register-worker.js";
import { renewWorkflowTasks } from "./workers/renew-workflow-tasks.js";
import { appendCommands } from "./workflow-tasks/append-commands.js";
import { completeWorkflowTasks } from "./workflow-tasks/complete-workflow-tasks.js";
import { createSnapshot } from "./workflow-tasks/create-snapshot.js";
import { failWorkflowTasks } from "./workflow-tasks/fail-workflow-tasks.js";
import { getLatestSnapshot } from "./workflow-tasks/get-latest-snapshot.js";
import { pollWorkflowTasks } from "./workflow-tasks/poll-workflow-tasks.js";
import { recordSideEffect } from "./workflow-tasks/record-side-effect.js";
import { scheduleTimer } from "./workflow-tasks/schedule-timer.js";
import { cancelWorkflow } from "./workflows/cancel-workflow.js";
import { completeWorkflow } from "./workflows/complete-workflow.js";
import { continueAsNew } from "./workflows/continue-as-new.js";
import { countWorkflows } from "./workflows/count-workflows.js";
import { deleteWorkflow } from "./workflows/delete-workflow.js";
import { failWorkflow } from "./workflows/fail-workflow.js";
import { finaliseCancellation } from "./workflows/finalise-cancellation.js";
import { getHistory } from "./workflows/get-history.js";
import { getUpdateResult } from "./workflows/get-update-result.js";
import { getWorkflow } from "./workflows/get-workflow.js";
import { getWorkflowResult } from "./workflows/get-workflow-result.js";
import { listChildWorkflows } from "./workflows/list-child-workflows.js";
import { listWaiting } from "./workflows/list-waiting.js";
import { listWorkflows } from "./workflows/list-workflows.js";
import { queryWorkflow } from "./workflows/query-workflow.js";
import { resetWorkflow } from "./workflows/reset-workflow.js";
import { signalWithStartWorkflow } from "./workflows/signal-with-start-workflow.js";
import { signalWorkflow } from "./workflows/signal-workflow.js";
import { startChildWorkflow } from "./workflows/start-child-workflow.js";
import { startWorkflow } from "./workflows/start-workflow.js";
import { startWorkflows } from "./workflows/start-workflows.js";
import { terminateWorkflow } from "./workflows/terminate-workflow.js";
import { updateWorkflow } from "./workflows/update-workflow.js";
import { upsertSearchAttributes } from "./workflows/upsert-search-attributes.js";

export const operations: readonly OperationContract[] = [
  startWorkflow,
  startWorkflows,
  getWorkflow,
  listWorkflows,
  countWorkflows,
  upsertSearchAttributes,
  cancelWorkflow,
  terminateWorkflow,
  signalWorkflow,
  signalWithStartWorkflow,
  getHistory,
  completeWorkflow,
  failWorkflow,
  finaliseCancellation,
  continueAsNew,
  startChildWorkflow,
  listChildWorkflows,
  getWorkflowResult,
  queryWorkflow,
  updateWorkflow,
  getUpdateResult,
  resetWorkflow,
  deleteWorkflow,
  listWaiting,
  scheduleActivity,
  pollActivityTasks,
  getActivity,
  completeActivityTasks,
  failActivityTasks,
  heartbeatActivityTasks,
  pollWorkflowTasks,
  completeWorkflowTasks,
  appendCommands,
  failWorkflowTasks,
  scheduleTimer,
  recordSideEffect,
  createSnapshot,
  getLatestSnapshot,
  registerWorker,
  heartbeatWorker,
  listWorkers,
  renewWorkflowTasks,
  drainWorker,
  answerQueries,
  createSchedule,
  getSchedule,
  listSchedules,
  updateSchedule,
  pauseSchedule,
  resumeSchedule,
  deleteSchedule,
  triggerSchedule,
  backfillSchedule,
  previewSchedule,
  createNamespace,
  listNamespaces,
  updateNamespace,
  deleteNamespace,
  getNamespaceStats,
  getQueueStats,
];
