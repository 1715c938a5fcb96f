/** A server with runs, tasks and workers in every state that a bad call may meet. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import { Code } from "../../../gen/google/rpc/code_pb.js";
import type { CommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { NamespaceService } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { ListSchedulesResponseSchema, ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import {
  CountWorkflowsResponseSchema,
  GetHistoryResponseSchema,
  GetWorkflowResponseSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { createTestDatabase } from "../../support/database.js";
import { type GrpcCaller, grpcCaller, refusalOf } from "../../support/grpc-caller.js";
import { openSandbox, type ServerProcess } from "../../support/processes.js";

/** A command as a test writes it. */
export type CommandInit = MessageInitShape<typeof CommandSchema>;

/** What a caller is told of a refusal. */
export interface Told {
  readonly code: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The server and what is on it. */
export interface BadInputFixture {
  readonly caller: GrpcCaller;
  readonly server: ServerProcess;
  readonly openRunId: string;
  /** The lease of the open run's workflow task. */
  readonly held: Uint8Array;
  /** A lease of the same run that is over. */
  readonly stale: Uint8Array;
  /** The lease of the open run's activity, seq 1. */
  readonly activity: Uint8Array;
  /** The lease of its first attempt. */
  readonly staleActivity: Uint8Array;
  /** The lease of the task that closed the closed run. */
  readonly closing: Uint8Array;
  /** A worker that drains. */
  readonly draining: string;
  /** A worker that is alive. */
  readonly alive: string;
  /** All that can be read of the runs and of schedules. */
  snapshot(): Promise<unknown>;
  close(): Promise<void>;
}

/** The most activities, and timers, that a run may have pending here. */
export const maxPending = 3;
export const openRun = "open-run";
export const closedRun = "closed-run";
export const terminatedRun = "terminated-run";
/** A schedule that is paused, and would fire every hour. */
export const schedule = "hourly";

const taskQueue = "bad-input";
const { method: wf } = WorkflowService;
const { method: wk } = WorkerService;
const { method: sc } = ScheduleService;

/** Starts it. */
export async function openBadInputFixture(): Promise<BadInputFixture> {
  const sandbox = await openSandbox();
  const database = await createTestDatabase();
  const server = await sandbox.startServer({
    databaseUrl: database.url,
    flags: ["--max-pending-per-kind", String(maxPending)],
  });
  const caller = grpcCaller(server.address);
  const { closing } = await prepareClosed(caller);
  const leases = await prepareOpen(caller);
  const alive = await register(caller);
  const draining = await register(caller);
  await caller.call(wk.drainWorker, { workerId: draining });
  await caller.call(NamespaceService.method.createNamespace, { name: "other", requestId: "made-once" });
  await caller.call(sc.createSchedule, {
    scheduleId: schedule,
    requestId: "made-schedule",
    definition: { spec: { cron: ["@hourly"] }, workflow: { workflowType: "Sturdy" }, isPaused: true },
  });
  return {
    caller,
    server,
    closing,
    ...leases,
    alive,
    draining,
    snapshot: () => snapshot(caller),
    async close() {
      caller.close();
      await sandbox.close();
      await database.drop();
    },
  };
}

/** Waits for a call to be refused as a whole, and reads why. */
export async function refused(call: Promise<unknown>): Promise<Told> {
  const { code, reason, metadata } = await refusalOf(call);
  return { code: Code[code] ?? String(code), reason: reason ?? "", metadata };
}

/** Waits for a batch call whose only element is refused, and reads why. */
export async function elementRefused(
  call: Promise<{ readonly outcomes: readonly { readonly outcome: unknown }[] }>,
): Promise<Told> {
  const { outcomes } = await call;
  const outcome = outcomes[0]?.outcome as
    | {
        case: "error";
        value: { code: Code; reason: ErrorReason; metadata: Record<string, string> };
      }
    | undefined;
  if (outcomes.length !== 1 || outcome?.case !== "error") throw new Error("the element was not refused");
  const { code, reason, metadata } = outcome.value;
  return { code: Code[code] ?? "", reason: ErrorReason[reason] ?? "", metadata };
}

async function prepareClosed(caller: GrpcCaller): Promise<{ closing: Uint8Array }> {
  await start(caller, closedRun);
  const closing = await pollWorkflow(caller);
  await complete(caller, closing, [{ kind: { case: "completeWorkflow", value: {} } }]);
  await start(caller, terminatedRun);
  await caller.call(wf.terminateWorkflow, { workflowId: terminatedRun });
  return { closing };
}

/** An open run with a pending timer, a held activity in its third attempt, and a held workflow task behind two others. */
async function prepareOpen(caller: GrpcCaller) {
  const openRunId = await start(caller, openRun);
  const stale = await pollWorkflow(caller);
  const retryPolicy = { initialInterval: { nanos: 1_000_000 } };
  await complete(caller, stale, [
    {
      seq: 1,
      kind: { case: "scheduleActivity", value: { activityId: "held", activityType: "Work", retryPolicy } },
    },
    { seq: 2, kind: { case: "scheduleTimer", value: { duration: { seconds: 86_400n } } } },
  ]);
  const staleActivity = await pollActivity(caller);
  await failActivity(caller, staleActivity);
  // A failed attempt is remembered until the next one fails, since its worker may repeat the call.
  await failActivity(caller, await pollActivity(caller));
  const activity = await pollActivity(caller);
  await caller.call(wf.signalWorkflow, { workflowId: openRun, name: "again", requestId: "signal-once" });
  await complete(caller, await pollWorkflow(caller), []);
  await caller.call(wf.signalWorkflow, { workflowId: openRun, name: "again" });
  return { openRunId, stale, staleActivity, activity, held: await pollWorkflow(caller) };
}

async function start(caller: GrpcCaller, workflowId: string): Promise<string> {
  // Long enough to be held while all the bad calls are made.
  const spec = { workflowId, workflowType: "Sturdy", taskQueue, workflowTaskTimeout: { seconds: 600n } };
  const { runId } = await caller.call(wf.startWorkflow, { spec, requestId: `start-${workflowId}` });
  return runId;
}

async function pollWorkflow(caller: GrpcCaller): Promise<Uint8Array> {
  const { tasks } = await caller.call(wk.pollWorkflowTasks, { taskQueue });
  return tokenOf(tasks[0]);
}

async function pollActivity(caller: GrpcCaller): Promise<Uint8Array> {
  const { tasks } = await caller.call(wk.pollActivityTasks, { taskQueue });
  return tokenOf(tasks[0]);
}

async function failActivity(caller: GrpcCaller, token: Uint8Array): Promise<void> {
  const failure = { message: "once more", kind: { case: "application" as const, value: {} } };
  const target = { case: "taskToken" as const, value: token };
  const { outcomes } = await caller.call(wk.failActivityTasks, { failures: [{ target, failure }] });
  if (outcomes[0]?.outcome.case !== "accepted") throw new Error("the failure was refused");
}

function tokenOf(task: { readonly taskToken: Uint8Array } | undefined): Uint8Array {
  if (task === undefined) throw new Error("no task came");
  return task.taskToken;
}

async function complete(caller: GrpcCaller, taskToken: Uint8Array, commands: CommandInit[]): Promise<void> {
  const { outcomes } = await caller.call(wk.completeWorkflowTasks, {
    completions: [{ taskToken, commands }],
  });
  if (outcomes[0]?.outcome.case !== "accepted") throw new Error("the completion was refused");
}

async function register(caller: GrpcCaller): Promise<string> {
  return (await caller.call(wk.registerWorker, { worker: { taskQueues: [taskQueue] } })).workerId;
}

async function snapshot(caller: GrpcCaller): Promise<unknown> {
  const counts = await caller.call(wf.countWorkflows, { groupByStatus: true });
  const runs = await Promise.all(
    [openRun, closedRun, terminatedRun].map(async (workflowId) => ({
      record: toJson(GetWorkflowResponseSchema, await caller.call(wf.getWorkflow, { workflowId })),
      history: toJson(GetHistoryResponseSchema, await caller.call(wf.getHistory, { workflowId })),
    })),
  );
  const schedules = toJson(ListSchedulesResponseSchema, await caller.call(sc.listSchedules, {}));
  return { counts: toJson(CountWorkflowsResponseSchema, counts), runs, schedules };
}
