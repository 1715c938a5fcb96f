/** What a worker is made of. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { createUnaryClient, openConnection, type UnaryClient } from "../connection.js";
import { encodeFailure } from "../failure-codec.js";
import { PayloadCodecError, withholdText } from "../payload-codec.js";
import type { QueryAnswerInit } from "../replay/queries.js";
import { type ActivityTaskParts, type HeldActivity, handleActivityTask } from "./activity-tasks.js";
import { createAnswers } from "./answers.js";
import { createReplayer, isModule } from "./create-replayer.js";
import { createLane } from "./lane.js";
import { createLeases } from "./leases.js";
import { warningsToStderr } from "./logger.js";
import { pollWaitMs } from "./poll.js";
import { stayPresent } from "./presence.js";
import { createRegistration } from "./registration.js";
import { SealedTaskService, sealTask } from "./sealed-tasks.js";
import type { WorkerOptions } from "./worker.js";
import { handleWorkflowTask, type WorkflowTaskParts } from "./workflow-tasks.js";

const sdk = "pawl-typescript/0.1.0";
/** A poll without any answer is given up this long after the server should have answered. */
const pollGraceMs = 10_000;
const defaultSlots = 100;

/** Builds a worker's parts; nothing is sent yet. */
export function assembleWorker(options: WorkerOptions) {
  const base = assembleBase(options);
  const {
    rpc,
    sealedRpc,
    namespace,
    registration,
    stopping,
    cut,
    logger,
    workerId,
    leases,
    heldActivities,
    spec,
  } = base;
  const { replayer } = base;
  const { taskQueue = "default", pollers = 2 } = options;
  const polled = { pollers, registration, logger, stopping: stopping.signal };
  const pollRequest = (requestId: string, maxTasks: number) => ({
    namespace,
    taskQueue,
    requestId,
    workerId,
    identity: spec.identity,
    maxTasks,
    wait: durationFromMs(pollWaitMs),
  });
  // A task that the codec can't decode is one task's trouble, so each is decoded by itself.
  const pollCall = { signal: cut.signal, timeoutMs: pollWaitMs + pollGraceMs, isLeftEncoded: true };

  const workflowLane = createLane({
    ...polled,
    name: "workflow tasks",
    slots: spec.workflowSlots,
    async poll(requestId, maxTasks) {
      const request = {
        ...pollRequest(requestId, maxTasks),
        workflowTypes: [...replayer.workflowTypes],
        isCaching: true,
      };
      return (await sealedRpc.pollWorkflowTasks(request, pollCall)).tasks.map(sealTask);
    },
    work: (task) => handleWorkflowTask(workflowParts, task),
  });
  const activityLane = createLane({
    ...polled,
    name: "activities",
    slots: spec.activitySlots,
    async poll(requestId, maxTasks) {
      const request = { ...pollRequest(requestId, maxTasks), activityTypes: spec.activityTypes };
      return (await rpc.pollActivityTasks(request, pollCall)).tasks;
    },
    work: (task) => handleActivityTask(activityParts, task),
  });
  const answers = createAnswers({ ...base, caller: { namespace, workerId, identity: spec.identity } });
  const workflowParts = workflowPartsOf(base, answers);
  const activityParts = activityPartsOf(options, base, answers);
  const beat = () => {
    const activityTasks = heldActivities.size;
    const request = { namespace, workerId, workflowTasks: leases.tokens.length, activityTasks };
    return registration.call(() => rpc.heartbeatWorker(request));
  };

  return {
    ...base,
    /** Polls until the worker stops; `onDraining` is called when the server wants it to. */
    async run(onDraining: () => void) {
      const intervalMs = () => registration.heartbeatIntervalMs;
      const presence = stayPresent({ intervalMs, stopping: stopping.signal, beat, onDraining });
      await Promise.all([workflowLane.run(), activityLane.run(), presence]);
    },
    async idle() {
      await Promise.all([workflowLane.idle(), activityLane.idle()]);
    },
  };
}

function assembleBase(options: WorkerOptions) {
  const { namespace = "main", logger = warningsToStderr } = options;
  const connection = openConnection(options);
  const rpc = createUnaryClient(connection, WorkerService);
  const sealedRpc = createUnaryClient(connection, SealedTaskService);
  const spec = describeWorker(options);
  const replayer = createReplayer(options, { buildId: spec.buildId, sdk }, logger);
  const describe = () => ({ ...spec, workflowTypes: [...replayer.workflowTypes] });
  const registration = createRegistration({ rpc, namespace, describe, logger });
  const leases = createLeases({
    defaultLeaseMs: () => registration.workflowTaskTimeoutMs,
    logger,
    renew: (tokens) => renewLeases(rpc, namespace, tokens),
  });
  return {
    connection,
    rpc,
    sealedRpc,
    namespace,
    logger,
    spec,
    replayer,
    workerId: spec.workerId,
    registration,
    leases,
    heldActivities: new Set<HeldActivity>(),
    /** Aborted when no new polls shall begin. */
    stopping: new AbortController(),
    /** Aborted when open polls shall end at once. */
    cut: new AbortController(),
  };
}

function describeWorker(options: WorkerOptions) {
  const { taskQueue = "default", workflows = [], activities = {}, buildId = "" } = options;
  const { workflowSlots = defaultSlots, activitySlots = defaultSlots } = options;
  // A module that exports no workflow is refused later on.
  const hasWorkflows = isModule(workflows) || workflows.length > 0;
  const activityTypes = Object.keys(activities);
  return {
    workerId: randomUUID(),
    identity: options.identity ?? `${process.pid}@${hostname()}`,
    taskQueues: [taskQueue],
    activityTypes,
    // To the server no types mean all types, so what a worker has no code for gets no room.
    workflowSlots: hasWorkflows ? workflowSlots : 0,
    activitySlots: activityTypes.length === 0 ? 0 : activitySlots,
    sdk,
    buildId,
  };
}

function workflowPartsOf(
  { connection, namespace, leases, logger, spec, replayer }: ReturnType<typeof assembleBase>,
  answers: ReturnType<typeof createAnswers>,
): WorkflowTaskParts {
  return {
    dataConverter: connection.dataConverter,
    replayer,
    history: { rpc: createUnaryClient(connection, WorkflowService), namespace },
    leases,
    completions: answers.workflowCompletions,
    failures: answers.workflowFailures,
    buildId: spec.buildId,
    logger,
    async answerQueries(answers) {
      const send = (sent: readonly QueryAnswerInit[]) =>
        createUnaryClient(connection, WorkerService).answerQueries({ namespace, answers: [...sent] });
      try {
        await send(answers).catch((error: unknown) => {
          if (!(error instanceof PayloadCodecError)) throw error;
          logger.warn("the codec can't encode the answers of queries", { error: error.message });
          const value = withholdText(encodeFailure(error));
          return send(answers.map(({ queryId = "" }) => ({ queryId, outcome: { case: "failure", value } })));
        });
      } catch (error) {
        logger.info("queries could not be answered", { error: String(error) });
      }
    },
  };
}

function activityPartsOf(
  { activities = {}, activityInterceptors = [] }: WorkerOptions,
  { connection, heldActivities, logger }: ReturnType<typeof assembleBase>,
  answers: ReturnType<typeof createAnswers>,
): ActivityTaskParts {
  return {
    dataConverter: connection.dataConverter,
    activities,
    interceptors: activityInterceptors,
    completions: answers.activityCompletions,
    failures: answers.activityFailures,
    heartbeats: answers.activityHeartbeats,
    held: heldActivities,
    logger,
  };
}

async function renewLeases(
  rpc: UnaryClient<typeof WorkerService>,
  namespace: string,
  tokens: readonly Uint8Array[],
): Promise<boolean[]> {
  const { outcomes } = await rpc.renewWorkflowTasks({ namespace, taskTokens: [...tokens] });
  return tokens.map((_, index) => outcomes[index]?.outcome.case === "accepted");
}
