import { expect } from "vitest";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import {
  ParentClosePolicy,
  WorkflowStatus,
  WorkflowTaskFailureCause,
} from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type TerminateWorkflowRequestSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { scheduleActivity, scheduleTimer, tokenOf } from "../../support/actor.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { type Init, json, type Scene, seconds } from "../scene.js";
import { startChild } from "./commands.js";

const terminate = (
  { workflows, namespace }: Scene,
  request: Init<typeof TerminateWorkflowRequestSchema> = {},
) => workflows.terminateWorkflow({ namespace, workflowId: "wf", ...request });

export const terminateWorkflow = operation(WorkflowService.method.terminateWorkflow, {
  happy: {
    "closes a run that no worker has touched": async (scene) => {
      const runId = await scene.start("wf");
      expect(await terminate(scene)).toMatchObject({ runId });
      const [closing] = (await scene.events("wf")).slice(-1);
      expect(closing?.kind).toMatchObject({ case: "workflowTerminated", value: { reason: "terminated" } });
      const { workflows, namespace } = scene;
      expect(await workflows.getWorkflow({ namespace, workflowId: "wf" })).toMatchObject({
        workflow: { status: WorkflowStatus.TERMINATED },
        outcome: { status: WorkflowStatus.TERMINATED, value: { value: { message: "terminated" } } },
      });
    },
    "records the reason, the details and who it was": async (scene) => {
      await scene.startWith("wf", []);
      await terminate(scene, { reason: "stuck", details: json('"ticket 7"'), identity: "ada" });
      const [closing] = (await scene.events("wf")).slice(-1);
      expect(closing).toMatchObject({
        identity: "ada",
        kind: { case: "workflowTerminated", value: { reason: "stuck", details: json('"ticket 7"') } },
      });
    },
    "takes tasks, timers and activities away": async (scene) => {
      await scene.startWith("wf", [scheduleTimer(1, 60), scheduleActivity(2), scheduleActivity(3)]);
      const held = await scene.takeActivity();
      await terminate(scene);
      const { workflows, workers, namespace } = scene;
      const record = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect([record.pendingTimers, record.pendingActivities, record.waitingFor]).toEqual([[], [], []]);
      expect((await workers.pollActivityTasks({ namespace, wait: {} })).tasks).toEqual([]);
      const { outcomes } = await workers.completeActivityTasks({
        namespace,
        completions: [{ target: { case: "taskToken", value: tokenOf(held) } }],
      });
      expect(outcomes).toMatchObject([{ outcome: { value: { reason: ErrorReason.STALE_LEASE } } }]);
      await scene.pass(61_000);
      expect((await scene.history("wf")).at(-1)).toBe("workflowTerminated");
    },
    "fails the started workflow task; what had come meanwhile is kept ahead of the end": async (scene) => {
      await scene.start("wf");
      const task = await scene.takeTask();
      await scene.workflows.signalWorkflow({ namespace: scene.namespace, workflowId: "wf", name: "go" });
      await terminate(scene);
      const events = (await scene.events("wf")).slice(-3);
      expect(events.map(({ kind }) => kind)).toMatchObject([
        { case: "workflowTaskFailed", value: { cause: WorkflowTaskFailureCause.RUN_CLOSED } },
        { case: "signalReceived" },
        { case: "workflowTerminated" },
      ]);
      const { workers, namespace } = scene;
      const completions = [{ taskToken: tokenOf(task) }];
      expect(await refusalOf(workers.completeWorkflowTasks({ namespace, completions }))).toMatchObject({
        reason: "STALE_LEASE",
      });
    },
    "does to children what their policies say": async (scene) => {
      const { TERMINATE, REQUEST_CANCEL, ABANDON } = ParentClosePolicy;
      await scene.startWith("wf", [
        startChild(1, "terminated", TERMINATE),
        startChild(2, "asked", REQUEST_CANCEL),
        startChild(3, "abandoned", ABANDON),
      ]);
      for (let n = 0; n < 3; n++)
        await scene.complete(await scene.takeTask({ workflowTypes: ["packing"], wait: seconds(10) }));
      await terminate(scene);
      const closing = await scene.eventOf("workflowTerminated", "terminated");
      expect(closing.kind.value).toMatchObject({ reason: "its parent has closed" });
      await scene.eventOf("workflowCancelRequested", "asked");
      expect((await scene.history("abandoned")).at(-1)).toBe("workflowTaskCompleted");
    },
    "tells the parent": async (scene) => {
      await scene.startWith("wf", [startChild(1, "child")]);
      await scene.eventOf("childWorkflowStarted", "wf");
      await terminate(scene, { workflowId: "child" });
      const told = await scene.eventOf("childWorkflowTerminated", "wf");
      expect(told.kind.value).toMatchObject({ seq: 1, child: { workflowId: "child" } });
    },
  },
  repeated: {
    "with the same request id, nothing is written": async (scene) => {
      await scene.start("wf");
      const first = await terminate(scene, { requestId: "once" });
      const { length } = await scene.history("wf");
      expect(await terminate(scene, { requestId: "once" })).toEqual(first);
      expect(await scene.history("wf")).toHaveLength(length);
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => terminate(scene),
      "the workflow has no such run": async (scene) => {
        await scene.start("wf");
        return terminate(scene, { runId: crypto.randomUUID() });
      },
    },
    WORKFLOW_CLOSED: {
      "the run is closed": async (scene) => {
        await scene.startClosed("wf");
        return terminate(scene);
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used with another reason": async (scene) => {
        await scene.start("wf");
        await terminate(scene, { requestId: "once" });
        return terminate(scene, { requestId: "once", reason: "another" });
      },
    },
  },
  elsewhere: {
    "the run is not there, and goes on": async (scene) => {
      const runId = await scene.start("wf");
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(terminate(there, { runId }))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      expect(await scene.history("wf")).toHaveLength(2);
    },
  },
  nowhere: () => ({ workflowId: "wf" }),
  malformed: { request: {}, field: "workflow_id" },
});
