/** What the engine offers to the service: an operation each, named as in the API. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type * as ns from "../../gen/pawl/v1/namespace_service_pb.js";
import type * as sc from "../../gen/pawl/v1/schedule_service_pb.js";
import type * as wk from "../../gen/pawl/v1/worker_service_pb.js";
import type * as wf from "../../gen/pawl/v1/workflow_service_pb.js";

/** What surrounds a call. */
export interface Call {
  /** Who calls, as authenticated; empty without authentication. */
  readonly principal: string;
  /** Aborted when the caller has gone or the server stops. */
  readonly signal: AbortSignal;
  /** When the caller stops waiting, in milliseconds of this process's `Date.now()`. Undefined: never. */
  readonly deadlineAt: number | undefined;
}

type Init<T extends Parameters<typeof import("@bufbuild/protobuf").create>[0]> = Promise<MessageInitShape<T>>;

/**
 * The operations. Requests have been validated for their form and have no empty namespace or task queue; what is wrong otherwise is thrown as
 * `RefusedError` (of core), and anything else thrown is a fault of the server. Every operation may throw SERVER_BUSY, DATABASE_UNAVAILABLE and
 * SHUTTING_DOWN. What waits ends 500 ms before the call's deadline, or when its signal is aborted, with an empty answer.
 */
export interface Engine {
  startWorkflow(request: wf.StartWorkflowRequest, call: Call): Init<typeof wf.StartWorkflowResponseSchema>;
  startWorkflows(request: wf.StartWorkflowsRequest, call: Call): Init<typeof wf.StartWorkflowsResponseSchema>;
  signalWithStartWorkflow(
    request: wf.SignalWithStartWorkflowRequest,
    call: Call,
  ): Init<typeof wf.SignalWithStartWorkflowResponseSchema>;
  getWorkflow(request: wf.GetWorkflowRequest, call: Call): Init<typeof wf.GetWorkflowResponseSchema>;
  listWorkflows(request: wf.ListWorkflowsRequest, call: Call): Init<typeof wf.ListWorkflowsResponseSchema>;
  countWorkflows(request: wf.CountWorkflowsRequest, call: Call): Init<typeof wf.CountWorkflowsResponseSchema>;
  listChildWorkflows(
    request: wf.ListChildWorkflowsRequest,
    call: Call,
  ): Init<typeof wf.ListChildWorkflowsResponseSchema>;
  getHistory(request: wf.GetHistoryRequest, call: Call): Init<typeof wf.GetHistoryResponseSchema>;
  getWorkflowResult(
    request: wf.GetWorkflowResultRequest,
    call: Call,
  ): Init<typeof wf.GetWorkflowResultResponseSchema>;
  signalWorkflow(request: wf.SignalWorkflowRequest, call: Call): Init<typeof wf.SignalWorkflowResponseSchema>;
  cancelWorkflow(request: wf.CancelWorkflowRequest, call: Call): Init<typeof wf.CancelWorkflowResponseSchema>;
  terminateWorkflow(
    request: wf.TerminateWorkflowRequest,
    call: Call,
  ): Init<typeof wf.TerminateWorkflowResponseSchema>;
  resetWorkflow(request: wf.ResetWorkflowRequest, call: Call): Init<typeof wf.ResetWorkflowResponseSchema>;
  listWaiting(request: wf.ListWaitingRequest, call: Call): Init<typeof wf.ListWaitingResponseSchema>;
  deleteWorkflow(request: wf.DeleteWorkflowRequest, call: Call): Init<typeof wf.DeleteWorkflowResponseSchema>;
  queryWorkflow(request: wf.QueryWorkflowRequest, call: Call): Init<typeof wf.QueryWorkflowResponseSchema>;
  answerQueries(request: wk.AnswerQueriesRequest, call: Call): Init<typeof wk.AnswerQueriesResponseSchema>;
  updateWorkflow(request: wf.UpdateWorkflowRequest, call: Call): Init<typeof wf.UpdateWorkflowResponseSchema>;
  getUpdateResult(
    request: wf.GetUpdateResultRequest,
    call: Call,
  ): Init<typeof wf.GetUpdateResultResponseSchema>;

  registerWorker(request: wk.RegisterWorkerRequest, call: Call): Init<typeof wk.RegisterWorkerResponseSchema>;
  heartbeatWorker(
    request: wk.HeartbeatWorkerRequest,
    call: Call,
  ): Init<typeof wk.HeartbeatWorkerResponseSchema>;
  listWorkers(request: wk.ListWorkersRequest, call: Call): Init<typeof wk.ListWorkersResponseSchema>;
  drainWorker(request: wk.DrainWorkerRequest, call: Call): Init<typeof wk.DrainWorkerResponseSchema>;
  pollWorkflowTasks(
    request: wk.PollWorkflowTasksRequest,
    call: Call,
  ): Init<typeof wk.PollWorkflowTasksResponseSchema>;
  completeWorkflowTasks(
    request: wk.CompleteWorkflowTasksRequest,
    call: Call,
  ): Init<typeof wk.CompleteWorkflowTasksResponseSchema>;
  appendCommands(request: wk.AppendCommandsRequest, call: Call): Init<typeof wk.AppendCommandsResponseSchema>;
  failWorkflowTasks(
    request: wk.FailWorkflowTasksRequest,
    call: Call,
  ): Init<typeof wk.FailWorkflowTasksResponseSchema>;
  renewWorkflowTasks(
    request: wk.RenewWorkflowTasksRequest,
    call: Call,
  ): Init<typeof wk.RenewWorkflowTasksResponseSchema>;
  pollActivityTasks(
    request: wk.PollActivityTasksRequest,
    call: Call,
  ): Init<typeof wk.PollActivityTasksResponseSchema>;
  completeActivityTasks(
    request: wk.CompleteActivityTasksRequest,
    call: Call,
  ): Init<typeof wk.CompleteActivityTasksResponseSchema>;
  failActivityTasks(
    request: wk.FailActivityTasksRequest,
    call: Call,
  ): Init<typeof wk.FailActivityTasksResponseSchema>;
  heartbeatActivityTasks(
    request: wk.HeartbeatActivityTasksRequest,
    call: Call,
  ): Init<typeof wk.HeartbeatActivityTasksResponseSchema>;

  scheduleActivity(
    request: wk.ScheduleActivityRequest,
    call: Call,
  ): Init<typeof wk.ScheduleActivityResponseSchema>;
  scheduleTimer(request: wk.ScheduleTimerRequest, call: Call): Init<typeof wk.ScheduleTimerResponseSchema>;
  recordSideEffect(
    request: wk.RecordSideEffectRequest,
    call: Call,
  ): Init<typeof wk.RecordSideEffectResponseSchema>;
  startChildWorkflow(
    request: wk.StartChildWorkflowRequest,
    call: Call,
  ): Init<typeof wk.StartChildWorkflowResponseSchema>;
  createSnapshot(request: wk.CreateSnapshotRequest, call: Call): Init<typeof wk.CreateSnapshotResponseSchema>;
  upsertSearchAttributes(
    request: wk.UpsertSearchAttributesRequest,
    call: Call,
  ): Init<typeof wk.UpsertSearchAttributesResponseSchema>;
  completeWorkflow(
    request: wk.CompleteWorkflowRequest,
    call: Call,
  ): Init<typeof wk.CompleteWorkflowResponseSchema>;
  failWorkflow(request: wk.FailWorkflowRequest, call: Call): Init<typeof wk.FailWorkflowResponseSchema>;
  finaliseCancellation(
    request: wk.FinaliseCancellationRequest,
    call: Call,
  ): Init<typeof wk.FinaliseCancellationResponseSchema>;
  continueAsNew(request: wk.ContinueAsNewRequest, call: Call): Init<typeof wk.ContinueAsNewResponseSchema>;
  getActivity(request: wk.GetActivityRequest, call: Call): Init<typeof wk.GetActivityResponseSchema>;
  getLatestSnapshot(
    request: wk.GetLatestSnapshotRequest,
    call: Call,
  ): Init<typeof wk.GetLatestSnapshotResponseSchema>;

  createNamespace(
    request: ns.CreateNamespaceRequest,
    call: Call,
  ): Init<typeof ns.CreateNamespaceResponseSchema>;
  listNamespaces(request: ns.ListNamespacesRequest, call: Call): Init<typeof ns.ListNamespacesResponseSchema>;
  updateNamespace(
    request: ns.UpdateNamespaceRequest,
    call: Call,
  ): Init<typeof ns.UpdateNamespaceResponseSchema>;
  deleteNamespace(
    request: ns.DeleteNamespaceRequest,
    call: Call,
  ): Init<typeof ns.DeleteNamespaceResponseSchema>;
  getNamespaceStats(
    request: ns.GetNamespaceStatsRequest,
    call: Call,
  ): Init<typeof ns.GetNamespaceStatsResponseSchema>;

  createSchedule(request: sc.CreateScheduleRequest, call: Call): Init<typeof sc.CreateScheduleResponseSchema>;
  getSchedule(request: sc.GetScheduleRequest, call: Call): Init<typeof sc.GetScheduleResponseSchema>;
  listSchedules(request: sc.ListSchedulesRequest, call: Call): Init<typeof sc.ListSchedulesResponseSchema>;
  updateSchedule(request: sc.UpdateScheduleRequest, call: Call): Init<typeof sc.UpdateScheduleResponseSchema>;
  pauseSchedule(request: sc.PauseScheduleRequest, call: Call): Init<typeof sc.PauseScheduleResponseSchema>;
  resumeSchedule(request: sc.ResumeScheduleRequest, call: Call): Init<typeof sc.ResumeScheduleResponseSchema>;
  deleteSchedule(request: sc.DeleteScheduleRequest, call: Call): Init<typeof sc.DeleteScheduleResponseSchema>;
  triggerSchedule(
    request: sc.TriggerScheduleRequest,
    call: Call,
  ): Init<typeof sc.TriggerScheduleResponseSchema>;
  backfillSchedule(
    request: sc.BackfillScheduleRequest,
    call: Call,
  ): Init<typeof sc.BackfillScheduleResponseSchema>;
  previewSchedule(
    request: sc.PreviewScheduleRequest,
    call: Call,
  ): Init<typeof sc.PreviewScheduleResponseSchema>;

  getQueueStats(request: ns.GetQueueStatsRequest, call: Call): Init<typeof ns.GetQueueStatsResponseSchema>;

  /** Whether the database can be reached and has the schema. */
  isReady(): Promise<boolean>;
}
