/** The handlers of WorkerService. */
import { CommandSchema } from "../../gen/pawl/v1/command_pb.js";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { WorkflowTaskCompletion } from "../../gen/pawl/v1/task_pb.js";
import type { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import type { Engine } from "../engine/engine.js";
import { batch } from "./batch.js";
import { asPoll, inNamespace, paged } from "./defaults.js";
import { type Handlers, whole } from "./handler.js";
import type { Violation } from "./invalid-request-error.js";

/** The RPCs of WorkerService. */
export function workerHandlers(engine: Engine): Handlers<typeof WorkerService> {
  return {
    registerWorker: whole((request, call) => engine.registerWorker(inNamespace(request), call)),
    heartbeatWorker: whole((request, call) => engine.heartbeatWorker(inNamespace(request), call)),
    listWorkers: whole((request, call) => engine.listWorkers(paged(inNamespace(request)), call)),
    drainWorker: whole((request, call) => engine.drainWorker(inNamespace(request), call)),
    ...workflowTaskHandlers(engine),
    ...activityTaskHandlers(engine),
    ...directHandlers(engine),
    answerQueries: whole((request, call) => engine.answerQueries(inNamespace(request), call)),
    getActivity: whole((request, call) => engine.getActivity(inNamespace(request), call)),
    getLatestSnapshot: whole((request, call) => engine.getLatestSnapshot(inNamespace(request), call)),
  };
}

function workflowTaskHandlers(engine: Engine) {
  return {
    pollWorkflowTasks: whole((request, call) => engine.pollWorkflowTasks(asPoll(request), call)),
    completeWorkflowTasks: batch({
      field: "completions",
      elements: (request) => request.completions,
      withElements: (request, completions) => ({ ...request, completions }),
      handle: (request, call) => engine.completeWorkflowTasks(inNamespace(request), call),
      restate: asCommandViolation,
    }),
    appendCommands: whole((request, call) => engine.appendCommands(inNamespace(request), call)),
    failWorkflowTasks: batch({
      field: "failures",
      elements: (request) => request.failures,
      withElements: (request, failures) => ({ ...request, failures }),
      handle: (request, call) => engine.failWorkflowTasks(inNamespace(request), call),
    }),
    renewWorkflowTasks: batch({
      field: "task_tokens",
      elements: (request) => request.taskTokens,
      withElements: (request, taskTokens) => ({ ...request, taskTokens }),
      handle: (request, call) => engine.renewWorkflowTasks(inNamespace(request), call),
    }),
  } satisfies Partial<Handlers<typeof WorkerService>>;
}

function activityTaskHandlers(engine: Engine) {
  return {
    pollActivityTasks: whole((request, call) => engine.pollActivityTasks(asPoll(request), call)),
    completeActivityTasks: batch({
      field: "completions",
      elements: (request) => request.completions,
      withElements: (request, completions) => ({ ...request, completions }),
      handle: (request, call) => engine.completeActivityTasks(inNamespace(request), call),
    }),
    failActivityTasks: batch({
      field: "failures",
      elements: (request) => request.failures,
      withElements: (request, failures) => ({ ...request, failures }),
      handle: (request, call) => engine.failActivityTasks(inNamespace(request), call),
    }),
    heartbeatActivityTasks: batch({
      field: "heartbeats",
      elements: (request) => request.heartbeats,
      withElements: (request, heartbeats) => ({ ...request, heartbeats }),
      handle: (request, call) => engine.heartbeatActivityTasks(inNamespace(request), call),
    }),
  } satisfies Partial<Handlers<typeof WorkerService>>;
}

function directHandlers(engine: Engine) {
  return {
    scheduleActivity: whole((request, call) => engine.scheduleActivity(inNamespace(request), call)),
    scheduleTimer: whole((request, call) => engine.scheduleTimer(inNamespace(request), call)),
    recordSideEffect: whole((request, call) => engine.recordSideEffect(inNamespace(request), call)),
    startChildWorkflow: whole((request, call) => engine.startChildWorkflow(inNamespace(request), call)),
    createSnapshot: whole((request, call) => engine.createSnapshot(inNamespace(request), call)),
    upsertSearchAttributes: whole((request, call) =>
      engine.upsertSearchAttributes(inNamespace(request), call),
    ),
    completeWorkflow: whole((request, call) => engine.completeWorkflow(inNamespace(request), call)),
    failWorkflow: whole((request, call) => engine.failWorkflow(inNamespace(request), call)),
    finaliseCancellation: whole((request, call) => engine.finaliseCancellation(inNamespace(request), call)),
    continueAsNew: whole((request, call) => engine.continueAsNew(inNamespace(request), call)),
  } satisfies Partial<Handlers<typeof WorkerService>>;
}

/** A wrong field within a command makes the command invalid; other reasons, such as a size limit, stay. */
function asCommandViolation(violation: Violation, { commands }: WorkflowTaskCompletion): Violation {
  const [, , list, index] = violation.path;
  if (violation.reason !== ErrorReason.INVALID_FIELD || list !== "commands" || typeof index !== "number") {
    return violation;
  }
  const kind = commands[index]?.kind.case;
  const command = CommandSchema.fields.find((field) => field.localName === kind)?.name ?? "";
  return {
    ...violation,
    reason: ErrorReason.INVALID_COMMAND,
    metadata: { ...violation.metadata, command_index: String(index), command },
  };
}
