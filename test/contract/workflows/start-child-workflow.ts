import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { StartChildWorkflowCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { ExternalFailureCause } from "../../../gen/pawl/v1/event_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { ParentClosePolicy, WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { type Cases, operation } from "../contract.js";
import { begin, casesOf, type Direct, exceedPending } from "../direct-operation.js";
import {
  type CommandInit,
  completeWorkflow,
  type EventCase,
  json,
  type Scene,
  seconds,
  workflowType,
} from "../scene.js";

type Command = MessageInitShape<typeof StartChildWorkflowCommandSchema>;

const direct: Direct<Command> = {
  call: ({ workers }, request) => workers.startChildWorkflow(request),
  command: { spec: { workflowType } },
  other: { spec: { workflowType: "return" } },
  event: "childWorkflowInitiated",
};
const { happy, repeated, refused, elsewhere } = casesOf(direct);

/** A child with a queue and an id of its own. */
const kid = { workflowId: "kid", workflowType, taskQueue: "kids" };

/** Lets the run "wf", new here, start a child. */
async function startChild(scene: Scene, command: Command) {
  return scene.workers.startChildWorkflow({ ...(await begin(scene, direct)), command });
}

/** A case in which the child "kid" ends, and its parent is told once. */
function hears(heard: EventCase, end: (scene: Scene) => Promise<unknown>, value: object = {}): Cases {
  return {
    [`tells of the child's end by one event: ${heard}`]: async (scene) => {
      const { child } = await startChild(scene, { spec: { ...kid, runTimeout: seconds(60) } });
      const started = await scene.eventOf("childWorkflowStarted", "wf");
      await end(scene);
      const event = await scene.eventOf(heard, "wf");
      const ids = { seq: 1, initiatedEventId: 5, startedEventId: started.eventId };
      expect(event.kind.value).toMatchObject({ ...ids, child, ...value });
      const children = (await scene.history("wf")).filter((kind) => kind?.startsWith("childWorkflow"));
      expect(children).toEqual(["childWorkflowInitiated", "childWorkflowStarted", heard]);
    },
  };
}

async function endKid(scene: Scene, command: CommandInit): Promise<void> {
  await scene.complete(await scene.takeTask({ taskQueue: "kids" }), [command]);
}

export const startChildWorkflow = operation(WorkerService.method.startChildWorkflow, {
  happy: {
    ...happy,
    "fixes the child's run id, and its start follows": async (scene) => {
      const { workflows } = scene;
      const { child } = await startChild(scene, { spec: { ...kid, input: json("7") } });
      const initiated = await scene.eventOf("childWorkflowInitiated", "wf");
      const spec = { ...kid, input: json("7"), priority: 3 };
      const parentClosePolicy = ParentClosePolicy.TERMINATE;
      expect(initiated.kind.value).toMatchObject({ seq: 1, runId: child?.runId, spec, parentClosePolicy });
      const started = await scene.eventOf("childWorkflowStarted", "wf");
      expect(started.kind.value).toMatchObject({ seq: 1, initiatedEventId: initiated.eventId, child });
      const [first] = await scene.events("kid", child?.runId);
      const parent = { workflowId: "wf", runId: await scene.runIdOf("wf") };
      expect(first?.kind.value).toMatchObject({ parent, input: json("7") });
      const { workflow } = await workflows.getWorkflow({ namespace: scene.namespace, workflowId: "kid" });
      expect(workflow).toMatchObject({ status: WorkflowStatus.PENDING, parent, root: parent });
    },
    "takes id and queue from the parent where none are given": async (scene) => {
      const runId = await scene.start("wf", { taskQueue: "parents", priority: 1 });
      const { workers, namespace } = scene;
      const request = { namespace, workflowId: "wf", seq: 1, command: direct.command };
      const { child } = await workers.startChildWorkflow(request);
      expect(child).toMatchObject({ namespace, workflowId: `${runId}/1` });
      await scene.eventOf("childWorkflowStarted", "wf");
      const [first] = await scene.events(`${runId}/1`);
      expect(first?.kind.value).toMatchObject({ taskQueue: "parents", priority: 1 });
    },
    "may start the child in another namespace": async (scene) => {
      const namespace = await scene.makeNamespace();
      await startChild(scene, { namespace, spec: kid });
      await scene.eventOf("childWorkflowStarted", "wf");
      const { workflow } = await scene.workflows.getWorkflow({ namespace, workflowId: "kid" });
      expect(workflow?.parent).toMatchObject({ namespace: scene.namespace, workflowId: "wf" });
    },
    ...hears("childWorkflowCompleted", (scene) => endKid(scene, completeWorkflow("42")), {
      result: json("42"),
    }),
    ...hears(
      "childWorkflowFailed",
      (scene) => endKid(scene, { kind: { case: "failWorkflow", value: { failure: { message: "no" } } } }),
      { failure: { message: "no" } },
    ),
    ...hears("childWorkflowCancelled", ({ workflows, namespace }) =>
      workflows.cancelWorkflow({ namespace, workflowId: "kid" }),
    ),
    ...hears("childWorkflowTerminated", ({ workflows, namespace }) =>
      workflows.terminateWorkflow({ namespace, workflowId: "kid" }),
    ),
    ...hears("childWorkflowTimedOut", (scene) => scene.pass(61_000)),
    "tells that the child's id is taken": async (scene) => {
      await scene.start("kid", kid);
      await startChild(scene, { spec: kid });
      const event = await scene.eventOf("childWorkflowStartFailed", "wf");
      const cause = ExternalFailureCause.WORKFLOW_EXISTS;
      expect(event.kind.value).toMatchObject({ seq: 1, initiatedEventId: 5, workflowId: "kid", cause });
      expect(await scene.history("kid")).toEqual(["workflowStarted", "workflowTaskScheduled"]);
    },
    "tells that there is no such namespace": async (scene) => {
      await startChild(scene, { namespace: "nowhere", spec: kid });
      const event = await scene.eventOf("childWorkflowStartFailed", "wf");
      expect(event.kind.value).toMatchObject({ cause: ExternalFailureCause.NAMESPACE_NOT_FOUND });
    },
    "terminates, asks to cancel or leaves children when the parent closes": async (scene) => {
      const { workers, workflows, namespace } = scene;
      const { TERMINATE, REQUEST_CANCEL, ABANDON } = ParentClosePolicy;
      for (const [index, parentClosePolicy] of [ABANDON, REQUEST_CANCEL, TERMINATE].entries()) {
        const workflowId = `wf ${index}`;
        await scene.start(workflowId);
        const spec = { ...kid, workflowId: `kid ${index}` };
        const command = { spec, parentClosePolicy };
        await workers.startChildWorkflow({ namespace, workflowId, seq: 1, command });
        await scene.eventOf("childWorkflowStarted", workflowId);
        await workflows.terminateWorkflow({ namespace, workflowId });
      }
      await scene.eventOf("workflowTerminated", "kid 2");
      await scene.eventOf("workflowCancelRequested", "kid 1");
      const { workflow } = await workflows.getWorkflow({ namespace, workflowId: "kid 0" });
      expect(workflow?.status).toBe(WorkflowStatus.PENDING);
    },
  },
  repeated,
  refused: {
    ...refused,
    PENDING_LIMIT: { "the run has as many children as it may": (scene) => exceedPending(scene, direct) },
  },
  elsewhere,
  nowhere: () => ({ workflowId: "wf", seq: 1, command: direct.command }),
  malformed: { request: { workflowId: "wf", seq: 1, command: {} }, field: "command.spec" },
});
