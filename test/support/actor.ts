/** What clients and workers ask of an engine in tests, in as few words as it takes. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import {
  GetQueueStatsRequestSchema,
  GetQueueStatsResponseSchema,
} from "../../gen/pawl/v1/namespace_service_pb.js";
import type { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import {
  type ActivityTask,
  ActivityTaskSchema,
  type WorkflowTask,
  type WorkflowTaskFailureReportSchema,
  WorkflowTaskSchema,
} from "../../gen/pawl/v1/task_pb.js";
import * as wk from "../../gen/pawl/v1/worker_service_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import { type CommandInit, callOf, type TestServer } from "./engine.js";

type Init<T extends Parameters<typeof create>[0]> = MessageInitShape<T>;

/** Somebody who uses one namespace of one server. */
export type Actor = ReturnType<typeof actor>;

/** A user of a namespace on a server; queue and type are the same for all. */
export function actor({ operations }: TestServer, namespace: string) {
  const base = { namespace, taskQueue: "default" };
  return {
    start(workflowId: string, rest: Init<typeof wf.StartWorkflowRequestSchema> = {}) {
      const { spec, ...request } = rest;
      return operations.startWorkflow(
        create(wf.StartWorkflowRequestSchema, {
          namespace,
          ...request,
          spec: { workflowId, workflowType: "order", taskQueue: "default", ...spec },
        } as Init<typeof wf.StartWorkflowRequestSchema>),
        callOf(),
      );
    },
    signal: (workflowId: string, rest: Init<typeof wf.SignalWorkflowRequestSchema> = {}) =>
      operations.signalWorkflow(
        create(wf.SignalWorkflowRequestSchema, { namespace, workflowId, name: "shipped", ...rest }),
        callOf(),
      ),
    terminate: (workflowId: string, rest: Init<typeof wf.TerminateWorkflowRequestSchema> = {}) =>
      operations.terminateWorkflow(
        create(wf.TerminateWorkflowRequestSchema, { namespace, workflowId, ...rest }),
        callOf(),
      ),
    reset: (workflowId: string, eventId: number, rest: Init<typeof wf.ResetWorkflowRequestSchema> = {}) =>
      operations.resetWorkflow(
        create(wf.ResetWorkflowRequestSchema, { namespace, workflowId, eventId, reason: "a bug", ...rest }),
        callOf(),
      ),
    cancel: (workflowId: string, rest: Init<typeof wf.CancelWorkflowRequestSchema> = {}) =>
      operations.cancelWorkflow(
        create(wf.CancelWorkflowRequestSchema, { namespace, workflowId, ...rest }),
        callOf(),
      ),
    waiting: async (rest: Init<typeof wf.ListWaitingRequestSchema> = {}) =>
      create(
        wf.ListWaitingResponseSchema,
        await operations.listWaiting(
          create(wf.ListWaitingRequestSchema, {
            ...{ namespace, pageSize: 100, idleFor: ms(60_000) },
            ...rest,
          } as Init<typeof wf.ListWaitingRequestSchema>),
          callOf(),
        ),
      ),
    delete: (workflowId: string, runId = "") =>
      operations.deleteWorkflow(
        create(wf.DeleteWorkflowRequestSchema, { namespace, workflowId, runId }),
        callOf(),
      ),
    get: async (workflowId: string, runId = "") =>
      create(
        wf.GetWorkflowResponseSchema,
        await operations.getWorkflow(
          create(wf.GetWorkflowRequestSchema, { namespace, workflowId, runId }),
          callOf(),
        ),
      ),
    result: async (
      workflowId: string,
      rest: Init<typeof wf.GetWorkflowResultRequestSchema> = {},
      signal?: AbortSignal,
    ) =>
      create(
        wf.GetWorkflowResultResponseSchema,
        await operations.getWorkflowResult(
          create(wf.GetWorkflowResultRequestSchema, { namespace, workflowId, ...rest }),
          callOf(signal),
        ),
      ),
    historyPage: async (
      workflowId: string,
      rest: Init<typeof wf.GetHistoryRequestSchema> = {},
      signal?: AbortSignal,
    ) =>
      create(
        wf.GetHistoryResponseSchema,
        await operations.getHistory(
          create(wf.GetHistoryRequestSchema, { namespace, workflowId, ...rest }),
          callOf(signal),
        ),
      ),
    async history(workflowId: string, runId = ""): Promise<HistoryEvent[]> {
      const page = await this.historyPage(workflowId, { runId, pageSize: 1_000 });
      return page.events;
    },
    /** The events of a run that are not about its workflow tasks. */
    async eventsOf(workflowId: string, runId = ""): Promise<HistoryEvent[]> {
      const events = await this.history(workflowId, runId);
      return events.filter(({ kind }) => kind.case?.startsWith("workflowTask") !== true);
    },
    async poll(
      rest: Init<typeof wk.PollWorkflowTasksRequestSchema> = {},
      signal?: AbortSignal,
    ): Promise<WorkflowTask[]> {
      const request = create(wk.PollWorkflowTasksRequestSchema, { ...base, ...rest });
      const { tasks = [] } = await operations.pollWorkflowTasks(request, callOf(signal));
      return tasks.map((task) => create(WorkflowTaskSchema, task));
    },
    /** Takes the next workflow task of the queue, which must have one. */
    async take(): Promise<WorkflowTask> {
      const [task] = await this.poll();
      if (task === undefined) throw new Error("there is no workflow task");
      return task;
    },
    async pollActivities(
      rest: Init<typeof wk.PollActivityTasksRequestSchema> = {},
      signal?: AbortSignal,
    ): Promise<ActivityTask[]> {
      const request = create(wk.PollActivityTasksRequestSchema, { ...base, ...rest });
      const { tasks = [] } = await operations.pollActivityTasks(request, callOf(signal));
      return tasks.map((task) => create(ActivityTaskSchema, task));
    },
    async complete(
      task: Pick<WorkflowTask, "taskToken"> | undefined,
      commands: CommandInit[],
      rest: { workerId?: string; namespace?: string } = {},
    ) {
      const request = create(wk.CompleteWorkflowTasksRequestSchema, {
        namespace,
        ...rest,
        completions: [{ taskToken: tokenOf(task), commands }],
      });
      const { outcomes = [] } = await operations.completeWorkflowTasks(request, callOf());
      return outcomes[0];
    },
    /** Takes the next workflow task and completes it. */
    async runTask(...commands: CommandInit[]): Promise<WorkflowTask> {
      const task = await this.take();
      await this.complete(task, commands);
      return task;
    },
    /** Completes a workflow task; answers all that the call does. */
    finish: async (
      task: Pick<WorkflowTask, "taskToken"> | undefined,
      commands: CommandInit[],
      rest: { workerId?: string; returnNextTasks?: boolean } = {},
    ) => {
      const request = create(wk.CompleteWorkflowTasksRequestSchema, {
        namespace,
        ...rest,
        completions: [{ taskToken: tokenOf(task), commands }],
      });
      const answer = await operations.completeWorkflowTasks(request, callOf());
      return create(wk.CompleteWorkflowTasksResponseSchema, answer);
    },
    /** Sends commands of a workflow task ahead. Answers how many it has. */
    append: async (task: Pick<WorkflowTask, "taskToken">, offset: number, commands: CommandInit[]) => {
      const request = create(wk.AppendCommandsRequestSchema, {
        ...{ namespace, taskToken: task.taskToken, offset },
        commands,
      });
      return (await operations.appendCommands(request, callOf())).count ?? 0;
    },
    /** Reads where an activity stands. */
    activity: async ({ workflowId, runId, seq }: Pick<ActivityTask, "workflowId" | "runId" | "seq">) => {
      const activity = { workflowId, runId, activity: { case: "seq" as const, value: seq } };
      const request = create(wk.GetActivityRequestSchema, { namespace, activity });
      return create(wk.GetActivityResponseSchema, await operations.getActivity(request, callOf()));
    },
    update: async (
      workflowId: string,
      rest: Init<typeof wf.UpdateWorkflowRequestSchema> = {},
      signal?: AbortSignal,
    ) => {
      const request = create(wf.UpdateWorkflowRequestSchema, { namespace, workflowId, name: "set", ...rest });
      return create(wf.UpdateWorkflowResponseSchema, await operations.updateWorkflow(request, callOf(signal)))
        .update;
    },
    updateResult: async (workflowId: string, rest: Init<typeof wf.GetUpdateResultRequestSchema> = {}) => {
      const request = create(wf.GetUpdateResultRequestSchema, { namespace, workflowId, ...rest });
      return create(wf.GetUpdateResultResponseSchema, await operations.getUpdateResult(request, callOf()))
        .update;
    },
    /** Records a value by a direct operation. */
    sideEffect: async (workflowId: string, rest: Init<typeof wk.RecordSideEffectRequestSchema> = {}) =>
      create(
        wk.RecordSideEffectResponseSchema,
        await operations.recordSideEffect(
          create(wk.RecordSideEffectRequestSchema, { namespace, workflowId, ...rest }),
          callOf(),
        ),
      ),
    async fail(
      task: Pick<WorkflowTask, "taskToken"> | undefined,
      rest: Init<typeof WorkflowTaskFailureReportSchema> = {},
    ) {
      const failure = { taskToken: tokenOf(task), failure: { message: "broken" }, ...rest };
      const request = create(wk.FailWorkflowTasksRequestSchema, { namespace, failures: [failure] } as Init<
        typeof wk.FailWorkflowTasksRequestSchema
      >);
      const { outcomes = [] } = await operations.failWorkflowTasks(request, callOf());
      return outcomes[0];
    },
    async renew(task: Pick<WorkflowTask, "taskToken"> | undefined) {
      const request = create(wk.RenewWorkflowTasksRequestSchema, { namespace, taskTokens: [tokenOf(task)] });
      const { outcomes = [] } = await operations.renewWorkflowTasks(request, callOf());
      return outcomes[0];
    },
    async completeActivity(task: Pick<ActivityTask, "taskToken"> | undefined, result = '"done"') {
      const request = create(wk.CompleteActivityTasksRequestSchema, {
        namespace,
        completions: [
          {
            target: { case: "taskToken", value: tokenOf(task) },
            outcome: { case: "result", value: { body: { case: "json", value: result } } },
          },
        ],
      });
      const { outcomes = [] } = await operations.completeActivityTasks(request, callOf());
      return outcomes[0];
    },
    async failActivity(task: Pick<ActivityTask, "taskToken"> | undefined) {
      const request = create(wk.FailActivityTasksRequestSchema, {
        namespace,
        failures: [{ target: { case: "taskToken", value: tokenOf(task) }, failure: { message: "broken" } }],
      });
      const { outcomes = [] } = await operations.failActivityTasks(request, callOf());
      return outcomes[0];
    },
    async beat(
      task: Pick<ActivityTask, "taskToken"> | undefined,
      details: Init<typeof PayloadSchema> = { body: { case: "json", value: "7" } },
    ) {
      const request = create(wk.HeartbeatActivityTasksRequestSchema, {
        namespace,
        heartbeats: [
          {
            target: { case: "taskToken", value: tokenOf(task) },
            details,
          },
        ],
      });
      const { outcomes = [] } = await operations.heartbeatActivityTasks(request, callOf());
      return outcomes[0];
    },
    register: (workerId: string, rest: Init<typeof wk.RegisterWorkerRequestSchema>["worker"] = {}) =>
      operations.registerWorker(
        create(wk.RegisterWorkerRequestSchema, { namespace, worker: { workerId, ...rest } } as Init<
          typeof wk.RegisterWorkerRequestSchema
        >),
        callOf(),
      ),
    beatWorker: (workerId: string, rest: Init<typeof wk.HeartbeatWorkerRequestSchema> = {}) =>
      operations.heartbeatWorker(
        create(wk.HeartbeatWorkerRequestSchema, { namespace, workerId, ...rest }),
        callOf(),
      ),
    workers: async (rest: Init<typeof wk.ListWorkersRequestSchema> = {}) =>
      create(
        wk.ListWorkersResponseSchema,
        await operations.listWorkers(
          create(wk.ListWorkersRequestSchema, { namespace, pageSize: 100, ...rest }),
          callOf(),
        ),
      ),
    queueStats: async (taskQueue = "") =>
      create(
        GetQueueStatsResponseSchema,
        await operations.getQueueStats(
          create(GetQueueStatsRequestSchema, { namespace, taskQueue }),
          callOf(),
        ),
      ).queues,
    drain: (workerId: string, rest: Init<typeof wk.DrainWorkerRequestSchema> = {}) =>
      operations.drainWorker(create(wk.DrainWorkerRequestSchema, { namespace, workerId, ...rest }), callOf()),
  };
}

/** The token of a task that must be there. */
export function tokenOf(task: { readonly taskToken: Uint8Array } | undefined): Uint8Array {
  if (task === undefined) throw new Error("there is no task");
  return task.taskToken;
}

/** A payload of JSON. */
export const json = (value: string) => ({ body: { case: "json" as const, value } });

/** Closes the run. */
export const completeWorkflow: CommandInit = {
  kind: {
    case: "completeWorkflow",
    value: { result: json('"all done"') },
  },
};

/** Closes the run as failed. */
export const failWorkflow: CommandInit = {
  kind: { case: "failWorkflow", value: { failure: { message: "broken" } } },
};

/** Schedules an activity of type "charge". */
export function scheduleActivity(
  seq: number,
  value: Extract<CommandInit["kind"], { case: "scheduleActivity" }>["value"] = {},
): CommandInit {
  return {
    seq,
    kind: { case: "scheduleActivity", value: { activityType: "charge", ...value } },
  } as CommandInit;
}

/** Schedules a timer of so many seconds. */
export function scheduleTimer(seq: number, seconds: number): CommandInit {
  return {
    seq,
    kind: { case: "scheduleTimer", value: { duration: { seconds: BigInt(seconds), nanos: 0 } } },
  };
}

/** A duration of so many milliseconds. */
export function ms(count: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(count / 1_000)), nanos: (count % 1_000) * 1_000_000 };
}
