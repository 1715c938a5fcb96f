import { expect } from "vitest";
import { PendingTaskState, WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type CancelWorkflowRequestSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { scheduleActivity, scheduleTimer, tokenOf } from "../../support/actor.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { type Init, present, type Scene, workflowType } from "../scene.js";
import { cancelWorkflow as cancelCommand, startChild } from "./commands.js";

const cancel = ({ workflows, namespace }: Scene, request: Init<typeof CancelWorkflowRequestSchema> = {}) =>
  workflows.cancelWorkflow({ namespace, workflowId: "wf", reason: "changed my mind", ...request });

/** A run whose code has begun a timer, an activity that nobody has taken and one that a worker has. */
async function startBusy(scene: Scene) {
  const runId = await scene.startWith("wf", [
    ...[scheduleTimer(1, 60), scheduleActivity(2), scheduleActivity(3, { activityType: "pack" })],
  ]);
  return { runId, held: await scene.takeActivity({ activityTypes: ["pack"] }) };
}

export const cancelWorkflow = operation(WorkflowService.method.cancelWorkflow, {
  happy: {
    "asks workflow code, which decides; nothing else of the run changes": async (scene) => {
      const { runId } = await startBusy(scene);
      const before = await scene.history("wf");
      const answer = await cancel(scene, { identity: "ada", requestId: "once" });
      expect(answer).toMatchObject({ runId, status: WorkflowStatus.RUNNING });
      const [requested, task, ...rest] = (await scene.events("wf")).slice(before.length);
      expect(requested).toMatchObject({
        identity: "ada",
        kind: { case: "workflowCancelRequested", value: { reason: "changed my mind", requestId: "once" } },
      });
      expect(task?.kind.case).toBe("workflowTaskScheduled");
      expect(rest).toEqual([]);
      const { workflows, namespace } = scene;
      const record = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(record.workflow).toMatchObject({ isCancelRequested: true, status: WorkflowStatus.RUNNING });
      expect(record.pendingTimers).toHaveLength(1);
      expect(record.pendingActivities).toMatchObject([
        { seq: 2, state: PendingTaskState.SCHEDULED },
        { seq: 3, state: PendingTaskState.STARTED },
      ]);
    },
    "lets the run go on, with activities, and end as it likes": async (scene) => {
      await scene.startWith("wf", []);
      await cancel(scene);
      await scene.complete(await scene.takeTask(), [scheduleActivity(1)]);
      await scene.workers.completeActivityTasks({
        namespace: scene.namespace,
        completions: [{ target: { case: "taskToken", value: tokenOf(await scene.takeActivity()) } }],
      });
      await scene.complete(await scene.takeTask(), [cancelCommand]);
      expect((await scene.history("wf")).slice(-3)).toEqual([
        ...["workflowTaskStarted", "workflowTaskCompleted", "workflowCancelled"],
      ]);
    },
    "waits for the started workflow task to close": async (scene) => {
      await scene.start("wf");
      const task = await scene.takeTask();
      await cancel(scene);
      expect(await scene.history("wf")).not.toContain("workflowCancelRequested");
      await scene.complete(task, [scheduleTimer(1, 60)]);
      expect((await scene.history("wf")).slice(-4)).toEqual([
        ...["workflowTaskCompleted", "timerScheduled", "workflowCancelRequested", "workflowTaskScheduled"],
      ]);
    },
    "ends a run at once that no worker has touched": async (scene) => {
      const runId = await scene.start("wf");
      expect(await cancel(scene)).toMatchObject({ runId, status: WorkflowStatus.CANCELLED });
      expect(await scene.history("wf")).toEqual([
        ...["workflowStarted", "workflowTaskScheduled", "workflowCancelRequested", "workflowCancelled"],
      ]);
      const { workers, namespace } = scene;
      expect((await workers.pollWorkflowTasks({ namespace, wait: {} })).tasks).toEqual([]);
    },
    "with cancel_pending, ends timers and waiting activities and asks the running ones, in the same transition":
      async (scene) => {
        const { held } = await startBusy(scene);
        const before = await scene.history("wf");
        await cancel(scene, { cancelPending: true });
        const events = (await scene.events("wf")).slice(before.length);
        const causeEventId = before.length + 1;
        expect(events.map(({ kind }) => kind)).toMatchObject([
          { case: "workflowCancelRequested" },
          { case: "timerCancelled", value: { seq: 1, causeEventId, taskCompletedEventId: 0 } },
          { case: "activityCancelRequested", value: { seq: 2, causeEventId } },
          { case: "activityCancelled", value: { seq: 2, cancelRequestedEventId: causeEventId + 2 } },
          { case: "activityCancelRequested", value: { seq: 3, causeEventId } },
          { case: "workflowTaskScheduled" },
        ]);
        const { workflows, workers, namespace } = scene;
        const record = await workflows.getWorkflow({ namespace, workflowId: "wf" });
        expect(record.pendingTimers).toEqual([]);
        expect(record.pendingActivities).toMatchObject([
          { seq: 3, state: PendingTaskState.CANCEL_REQUESTED },
        ]);
        const { outcomes } = await workers.heartbeatActivityTasks({
          namespace,
          heartbeats: [{ target: { case: "taskToken", value: tokenOf(held) } }],
        });
        expect(outcomes).toMatchObject([
          { outcome: { case: "accepted", value: { isCancelRequested: true } } },
        ]);
      },
    "with cancel_pending while a task is started, changes the state at once and history behind the task":
      async (scene) => {
        await scene.startWith("wf", [scheduleTimer(1, 60), scheduleActivity(2)]);
        await scene.workflows.signalWorkflow({ namespace: scene.namespace, workflowId: "wf", name: "go" });
        const task = await scene.takeTask();
        await cancel(scene, { cancelPending: true });
        const { workflows, workers, namespace } = scene;
        const record = await workflows.getWorkflow({ namespace, workflowId: "wf" });
        expect([record.pendingTimers, record.pendingActivities]).toEqual([[], []]);
        expect((await workers.pollActivityTasks({ namespace, wait: {} })).tasks).toEqual([]);
        const cancelTimer = { seq: 3, kind: { case: "cancelTimer", value: { timerSeq: 1 } } } as const;
        const completedAt = (await scene.history("wf")).length + 1;
        await scene.complete(task, [cancelTimer]);
        const events = (await scene.events("wf")).slice(completedAt - 1);
        expect(events.map(({ kind }) => kind)).toMatchObject([
          { case: "workflowTaskCompleted" },
          { case: "workflowCancelRequested" },
          { case: "timerCancelled", value: { seq: 1, causeEventId: completedAt + 1 } },
          { case: "activityCancelRequested", value: { seq: 2, causeEventId: completedAt + 1 } },
          { case: "activityCancelled", value: { seq: 2 } },
          { case: "workflowTaskScheduled" },
        ]);
      },
    "leaves children to workflow code": async (scene) => {
      await scene.startWith("wf", [startChild(1, "child")]);
      await scene.eventOf("childWorkflowStarted", "wf");
      await cancel(scene, { cancelPending: true });
      expect(await scene.history("child")).toEqual(["workflowStarted", "workflowTaskScheduled"]);
      const task = await scene.takeTask({ workflowTypes: [workflowType] });
      await scene.complete(task, [
        { seq: 2, kind: { case: "cancelChild", value: { childSeq: 1, reason: "the order is off" } } },
      ]);
      const requested = await scene.eventOf("workflowCancelRequested", "child");
      expect(requested.kind.value).toMatchObject({ reason: "the order is off" });
      await scene.eventOf("childWorkflowCancelled", "wf");
    },
  },
  repeated: {
    "with the same request id, nothing is written": async (scene) => {
      await scene.startWith("wf", []);
      const first = await cancel(scene, { requestId: "once" });
      const { length } = await scene.history("wf");
      expect(await cancel(scene, { requestId: "once" })).toEqual(first);
      expect(await scene.history("wf")).toHaveLength(length);
    },
    "with the same request id once the run is closed, the answer tells its status": async (scene) => {
      await scene.startWith("wf", []);
      await cancel(scene, { requestId: "once" });
      await scene.complete(await scene.takeTask(), [cancelCommand]);
      expect(await cancel(scene, { requestId: "once" })).toMatchObject({ status: WorkflowStatus.CANCELLED });
    },
    "with another request id, the first reason stays": async (scene) => {
      await scene.startWith("wf", [scheduleTimer(1, 60)]);
      await cancel(scene);
      const { length } = await scene.history("wf");
      expect(
        await cancel(scene, { requestId: "again", reason: "another", cancelPending: true }),
      ).toMatchObject({
        status: WorkflowStatus.RUNNING,
      });
      expect(await scene.history("wf")).toHaveLength(length);
      const requested = (await scene.events("wf")).find(
        ({ kind }) => kind.case === "workflowCancelRequested",
      );
      expect(present(requested, "there is no request").kind.value).toMatchObject({
        reason: "changed my mind",
      });
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => cancel(scene),
      "the workflow has no such run": async (scene) => {
        await scene.start("wf");
        return cancel(scene, { runId: crypto.randomUUID() });
      },
    },
    WORKFLOW_CLOSED: {
      "the run is closed": async (scene) => {
        await scene.startClosed("wf");
        return cancel(scene);
      },
      "the run that is named is closed, though another is open": async (scene) => {
        const runId = await scene.startClosed("wf");
        await scene.start("wf");
        return cancel(scene, { runId });
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used with another reason": async (scene) => {
        await scene.startWith("wf", []);
        await cancel(scene, { requestId: "once" });
        return cancel(scene, { requestId: "once", reason: "another" });
      },
    },
  },
  elsewhere: {
    "the run is not there": async (scene) => {
      const runId = await scene.startWith("wf", []);
      const there = { ...scene, namespace: await scene.makeNamespace() };
      const refusal = await refusalOf(cancel(there, { runId }));
      expect(refusal).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      expect(await scene.history("wf")).not.toContain("workflowCancelRequested");
    },
  },
  nowhere: () => ({ workflowId: "wf" }),
  malformed: { request: {}, field: "workflow_id" },
});
