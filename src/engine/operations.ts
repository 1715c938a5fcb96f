/** The engine's operations, bound to its parts. */
import { checkSchema } from "../store/readiness.js";
import { toRefusal } from "./database-trouble.js";
import type { Call, Engine } from "./engine.js";
import {
  completeActivityTasks,
  failActivityTasks,
  heartbeatActivityTasks,
} from "./operations/activity-tasks.js";
import { appendCommands } from "./operations/append-commands.js";
import { completeWorkflowTasks } from "./operations/complete-workflow-tasks.js";
import { deleteWorkflow } from "./operations/delete-workflow.js";
import {
  completeWorkflow,
  continueAsNew,
  createSnapshot,
  failWorkflow,
  finaliseCancellation,
  recordSideEffect,
  scheduleActivity,
  scheduleTimer,
  startChildWorkflow,
  upsertSearchAttributes,
} from "./operations/direct-operations.js";
import { createNamespace, deleteNamespace, updateNamespace } from "./operations/namespaces.js";
import { pollActivityTasks, pollWorkflowTasks } from "./operations/polls.js";
import { answerQueries, queryWorkflow } from "./operations/query-workflow.js";
import { resetWorkflow } from "./operations/reset-workflow.js";
import {
  backfillSchedule,
  createSchedule,
  deleteSchedule,
  pauseSchedule,
  resumeSchedule,
  triggerSchedule,
  updateSchedule,
} from "./operations/schedules.js";
import { signalWithStartWorkflow, startWorkflow, startWorkflows } from "./operations/start-workflow.js";
import { cancelWorkflow, signalWorkflow, terminateWorkflow } from "./operations/steer-workflow.js";
import { getUpdateResult, updateWorkflow } from "./operations/update-workflow.js";
import { drainWorker, heartbeatWorker, registerWorker } from "./operations/workers.js";
import { failWorkflowTasks, renewWorkflowTasks } from "./operations/workflow-tasks.js";
import type { EngineParts } from "./parts.js";
import { getActivity } from "./reads/get-activity.js";
import { getHistory } from "./reads/get-history.js";
import { getWorkflowResult } from "./reads/get-result.js";
import { getLatestSnapshot } from "./reads/get-snapshot.js";
import { getWorkflow } from "./reads/get-workflow.js";
import { listChildWorkflows } from "./reads/list-children.js";
import { listWaiting } from "./reads/list-waiting.js";
import { listWorkers } from "./reads/list-workers.js";
import { countWorkflows, listWorkflows } from "./reads/list-workflows.js";
import { getNamespaceStats, listNamespaces } from "./reads/namespaces.js";
import { getQueueStats } from "./reads/queue-stats.js";
import { getSchedule, listSchedules, previewSchedule } from "./reads/schedules.js";

/** Makes the engine that the service calls. */
export function bindOperations(parts: EngineParts): Engine {
  const bind: Bind = (operation) => (request, call) =>
    operation(parts, request, call).catch((error: unknown) => {
      throw toRefusal(error);
    });
  return {
    startWorkflow: bind(startWorkflow),
    startWorkflows: bind(startWorkflows),
    signalWithStartWorkflow: bind(signalWithStartWorkflow),
    getWorkflow: bind(getWorkflow),
    listWorkflows: bind(listWorkflows),
    countWorkflows: bind(countWorkflows),
    listWaiting: bind(listWaiting),
    listChildWorkflows: bind(listChildWorkflows),
    getHistory: bind(getHistory),
    getWorkflowResult: bind(getWorkflowResult),
    signalWorkflow: bind(signalWorkflow),
    cancelWorkflow: bind(cancelWorkflow),
    terminateWorkflow: bind(terminateWorkflow),
    resetWorkflow: bind(resetWorkflow),
    deleteWorkflow: bind(deleteWorkflow),
    queryWorkflow: bind(queryWorkflow),
    answerQueries: bind(answerQueries),
    updateWorkflow: bind(updateWorkflow),
    getUpdateResult: bind(getUpdateResult),
    registerWorker: bind(registerWorker),
    heartbeatWorker: bind(heartbeatWorker),
    listWorkers: bind(listWorkers),
    drainWorker: bind(drainWorker),
    pollWorkflowTasks: bind(pollWorkflowTasks),
    completeWorkflowTasks: bind(completeWorkflowTasks),
    appendCommands: bind(appendCommands),
    failWorkflowTasks: bind(failWorkflowTasks),
    renewWorkflowTasks: bind(renewWorkflowTasks),
    pollActivityTasks: bind(pollActivityTasks),
    completeActivityTasks: bind(completeActivityTasks),
    failActivityTasks: bind(failActivityTasks),
    heartbeatActivityTasks: bind(heartbeatActivityTasks),
    scheduleActivity: bind(scheduleActivity),
    scheduleTimer: bind(scheduleTimer),
    recordSideEffect: bind(recordSideEffect),
    startChildWorkflow: bind(startChildWorkflow),
    createSnapshot: bind(createSnapshot),
    upsertSearchAttributes: bind(upsertSearchAttributes),
    completeWorkflow: bind(completeWorkflow),
    failWorkflow: bind(failWorkflow),
    finaliseCancellation: bind(finaliseCancellation),
    continueAsNew: bind(continueAsNew),
    getActivity: bind(getActivity),
    getLatestSnapshot: bind(getLatestSnapshot),
    createNamespace: bind(createNamespace),
    listNamespaces: bind(listNamespaces),
    updateNamespace: bind(updateNamespace),
    deleteNamespace: bind(deleteNamespace),
    getNamespaceStats: bind(getNamespaceStats),
    getQueueStats: bind(getQueueStats),
    ...bindSchedules(bind),
    isReady: () => checkSchema(parts.database.read),
  };
}

/** Binds an operation to the parts, and tells its callers of a database that can't be reached. */
type Bind = <Request, Result>(
  operation: (parts: EngineParts, request: Request, call: Call) => Promise<Result>,
) => (request: Request, call: Call) => Promise<Result>;

function bindSchedules(bind: Bind) {
  return {
    createSchedule: bind(createSchedule),
    getSchedule: bind(getSchedule),
    listSchedules: bind(listSchedules),
    updateSchedule: bind(updateSchedule),
    pauseSchedule: bind(pauseSchedule),
    resumeSchedule: bind(resumeSchedule),
    deleteSchedule: bind(deleteSchedule),
    triggerSchedule: bind(triggerSchedule),
    backfillSchedule: bind(backfillSchedule),
    previewSchedule: bind(previewSchedule),
  } satisfies Partial<Engine>;
}
