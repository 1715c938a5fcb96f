/** The handlers of WorkflowService. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../core/errors.js";
import type { Engine } from "../engine/engine.js";
import { batch } from "./batch.js";
import { idle, inNamespace, inTaskQueue, paged, waiting } from "./defaults.js";
import { type Handlers, whole } from "./handler.js";

/** The RPCs of WorkflowService. */
export function workflowHandlers(engine: Engine): Handlers<typeof WorkflowService> {
  return {
    startWorkflow: whole((request, call) => {
      // The rule of the field has seen to it; the type can't tell.
      if (request.spec === undefined) throw missing("spec");
      return engine.startWorkflow({ ...inNamespace(request), spec: inTaskQueue(request.spec) }, call);
    }),
    startWorkflows: batch({
      field: "specs",
      elements: (request) => request.specs,
      withElements: (request, specs) => ({ ...request, specs }),
      handle: (request, call) =>
        engine.startWorkflows({ ...inNamespace(request), specs: request.specs.map(inTaskQueue) }, call),
    }),
    signalWithStartWorkflow: whole((request, call) => {
      if (request.spec === undefined) throw missing("spec");
      return engine.signalWithStartWorkflow(
        { ...inNamespace(request), spec: inTaskQueue(request.spec) },
        call,
      );
    }),
    getWorkflow: whole((request, call) => engine.getWorkflow(inNamespace(request), call)),
    listWorkflows: whole((request, call) => engine.listWorkflows(paged(inNamespace(request)), call)),
    countWorkflows: whole((request, call) => engine.countWorkflows(inNamespace(request), call)),
    listChildWorkflows: whole((request, call) =>
      engine.listChildWorkflows(paged(inNamespace(request)), call),
    ),
    listWaiting: whole((request, call) => engine.listWaiting(idle(paged(inNamespace(request))), call)),
    getHistory: whole((request, call) => engine.getHistory(paged(inNamespace(request)), call)),
    getWorkflowResult: whole((request, call) =>
      engine.getWorkflowResult(waiting(inNamespace(request)), call),
    ),
    deleteWorkflow: whole((request, call) => engine.deleteWorkflow(inNamespace(request), call)),
    queryWorkflow: whole((request, call) => engine.queryWorkflow(inNamespace(request), call)),
    updateWorkflow: whole((request, call) => engine.updateWorkflow(waiting(inNamespace(request)), call)),
    getUpdateResult: whole((request, call) => engine.getUpdateResult(waiting(inNamespace(request)), call)),
    signalWorkflow: whole((request, call) => engine.signalWorkflow(inNamespace(request), call)),
    cancelWorkflow: whole((request, call) => engine.cancelWorkflow(inNamespace(request), call)),
    resetWorkflow: whole((request, call) => engine.resetWorkflow(inNamespace(request), call)),
    terminateWorkflow: whole((request, call) =>
      engine.terminateWorkflow({ ...inNamespace(request), reason: request.reason || "terminated" }, call),
    ),
  };
}

function missing(field: string): RefusedError {
  return new RefusedError(ErrorReason.INVALID_FIELD, `${field} is missing`, { field });
}
