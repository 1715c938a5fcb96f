import { expect } from "vitest";
import {
  PendingTaskState,
  WorkflowStatus,
  WorkflowTaskFailureCause,
} from "../../../gen/pawl/v1/workflow_pb.js";
import { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { scheduleActivity, scheduleTimer } from "../../support/actor.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { refusalOf } from "../refusal.js";
import { json, type Scene, seconds, workflowType } from "../scene.js";
import { failTask } from "../workflow-tasks/calls.js";
import { continueAsNew, startChild } from "./commands.js";

const get = ({ workflows, namespace }: Scene, workflowId = "wf", runId = "") =>
  workflows.getWorkflow({ namespace, workflowId, runId });

export const getWorkflow = operation(WorkflowService.method.getWorkflow, {
  happy: {
    "shows what the run was started with, and leaves no event": async (scene) => {
      const spec = {
        priority: 2,
        searchAttributes: { city: { value: { case: "keyword", value: "Bern" } } },
        memo: { note: json('"gift"') },
        userMetadata: { summary: json('"an order"') },
      } as const;
      const runId = await scene.start("wf", spec);
      const { workflow, pendingWorkflowTask, outcome } = await get(scene);
      expect(workflow).toMatchObject({
        ...{ ...spec, namespace: scene.namespace, workflowId: "wf", runId, workflowType },
        ...{ taskQueue: "default", status: WorkflowStatus.PENDING, historyLength: 2, attempt: 1 },
        ...{ firstRunId: runId, isCancelRequested: false },
      });
      expect(workflow?.executionTime).toEqual(workflow?.startTime);
      expect([workflow?.closeTime, workflow?.parent]).toEqual([undefined, undefined]);
      expect(pendingWorkflowTask).toMatchObject({ state: PendingTaskState.SCHEDULED, attempt: 1 });
      expect(outcome).toBeUndefined();
      expect(await scene.history("wf")).toHaveLength(2);
    },
    "says that no worker is there for its task, that all are busy, or who has it": async (scene) => {
      await scene.start("wf");
      expect((await get(scene)).waitingFor).toEqual([
        expect.stringMatching(
          /^No worker polls queue "default" for workflow tasks of type "order"; its task waits since /,
        ),
      ]);
      await scene.takeTask({ identity: "ada" });
      const record = await get(scene);
      expect(record.waitingFor).toEqual([
        expect.stringMatching(/^Worker "ada" has its workflow task since /),
      ]);
      expect(record.pendingWorkflowTask).toMatchObject({
        state: PendingTaskState.STARTED,
        identity: "ada",
      });
      await scene.start("next");
      expect((await get(scene, "next")).waitingFor).toEqual([expect.stringMatching(/ all are busy\.$/)]);
    },
    "says what else the run waits for, the most telling first": async (scene) => {
      await scene.startWith("wf", [scheduleTimer(1, 60), startChild(2, "child"), scheduleActivity(3)]);
      await scene.eventOf("childWorkflowStarted", "wf");
      await scene.complete(await scene.takeTask({ workflowTypes: [workflowType] }));
      const record = await get(scene);
      expect(record.pendingWorkflowTask).toBeUndefined();
      expect(record.waitingFor).toEqual([
        expect.stringMatching(
          /^No worker that handles its type polls queue "default": activity "3" of type "charge" waits since /,
        ),
        'Waits for its child "child" to end.',
        expect.stringMatching(/^Waits for a timer that fires at /),
      ]);
      expect(record).toMatchObject({
        workflow: { status: WorkflowStatus.RUNNING },
        pendingActivities: [{ seq: 3, activityType: "charge", state: PendingTaskState.SCHEDULED }],
        pendingTimers: [{ seq: 1, scheduledEventId: 5 }],
        pendingChildren: [{ seq: 2, workflowId: "child", workflowType: "packing", initiatedEventId: 6 }],
      });
    },
    "says that it waits for a signal if nothing is pending": async (scene) => {
      await scene.startWith("wf", []);
      expect((await get(scene)).waitingFor).toEqual(["Waits for a signal: nothing else is pending."]);
    },
    "says why its code can't go on: for a replay that differs, what is recorded and what the code made":
      async (scene) => {
        const { NON_DETERMINISM: cause } = WorkflowTaskFailureCause;
        await scene.start("wf");
        const message = 'recorded is event 5: activity 1 "charge", but the code made timer 1';
        await failTask(scene, await scene.takeTask(), { cause, failure: { message } });
        const record = await get(scene);
        const differs = `Its code does not replay what history records: ${message}.`;
        expect(record.waitingFor).toEqual([
          expect.stringMatching(/ The workflow task is given out again at \S+ \(attempt 2\)\.$/),
        ]);
        expect(record.waitingFor[0]).toContain(differs);
        expect(record.pendingWorkflowTask).toMatchObject({
          ...{ state: PendingTaskState.BACKING_OFF, attempt: 2, lastFailure: { message } },
        });
        await scene.pass(1_100);
        expect((await get(scene)).waitingFor).toEqual([expect.stringContaining(differs)]);
      },
    "shows of an activity its attempt, its next try and its last failure": async (scene) => {
      await scene.startWith("wf", [scheduleActivity(1)]);
      const { taskToken } = await scene.takeActivity({ identity: "ada" });
      expect((await get(scene)).pendingActivities).toMatchObject([
        { state: PendingTaskState.STARTED, attempt: 1, maximumAttempts: 3, identity: "ada" },
      ]);
      await scene.workers.failActivityTasks({
        namespace: scene.namespace,
        failures: [{ target: { case: "taskToken", value: taskToken }, failure: { message: "declined" } }],
      });
      const [activity] = (await get(scene)).pendingActivities;
      expect(activity).toMatchObject({
        ...{ state: PendingTaskState.BACKING_OFF, attempt: 2, lastFailure: { message: "declined" } },
      });
      expect(activity?.nextAttemptTime).toBeDefined();
      expect((await get(scene)).waitingFor).toEqual([
        expect.stringMatching(
          /^The next try of activity "1" of type "charge" comes at \S+ \(attempt 2 of 3\); the last failure: declined\.$/,
        ),
      ]);
    },
    "shows how a closed run ended": async (scene) => {
      const runId = await scene.startClosed("wf");
      const record = await get(scene);
      expect(record).toMatchObject({
        workflow: { status: WorkflowStatus.COMPLETED, historyLength: 5 },
        outcome: { runId, status: WorkflowStatus.COMPLETED, value: { case: "result", value: json("1") } },
        waitingFor: [],
      });
      expect(record.workflow?.closeTime).toEqual(record.outcome?.closeTime);
    },
    "means the open run, else the latest; a run id means that run": async (scene) => {
      const first = await scene.startClosed("wf");
      expect((await get(scene)).workflow?.runId).toBe(first);
      const second = await scene.start("wf");
      expect((await get(scene)).workflow?.runId).toBe(second);
      expect((await get(scene, "wf", first)).workflow).toMatchObject({ status: WorkflowStatus.COMPLETED });
    },
    "shows the runs before and behind it in its chain": async (scene) => {
      const first = await scene.startWith("wf", [continueAsNew()]);
      const { workflow } = await get(scene);
      expect(workflow).toMatchObject({ previousRunId: first, firstRunId: first, nextRunId: "" });
      expect((await get(scene, "wf", first)).workflow).toMatchObject({
        ...{ status: WorkflowStatus.CONTINUED_AS_NEW, nextRunId: workflow?.runId },
      });
    },
    "shows the parent of a child, and the run at the top": async (scene) => {
      const { namespace } = scene;
      const runId = await scene.startWith("wf", [startChild(1, "child")]);
      await scene.eventOf("childWorkflowStarted", "wf");
      const parent = { namespace, workflowId: "wf", runId };
      expect((await get(scene, "child")).workflow).toMatchObject({ parent, root: parent });
    },
    "shows when a delayed run begins": async (scene) => {
      await scene.start("wf", { startDelay: seconds(60) });
      const { workflow, pendingWorkflowTask } = await get(scene);
      const { executionTime, startTime } = workflow ?? {};
      expect(Number(executionTime?.seconds) - Number(startTime?.seconds)).toBe(60);
      expect(pendingWorkflowTask?.state).toBe(PendingTaskState.BACKING_OFF);
    },
  },
  repeated: {
    "reads the same": async (scene) => {
      await scene.startWith("wf", [scheduleTimer(1, 60)]);
      expect(await get(scene)).toEqual(await get(scene));
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => get(scene, "nobody"),
      "the workflow has no such run": async (scene) => {
        await scene.start("wf");
        return get(scene, "wf", crypto.randomUUID());
      },
      "the run belongs to another workflow": async (scene) => {
        await scene.start("wf");
        return get(scene, "wf", await scene.start("other"));
      },
    },
    RUN_DELETED: {
      "the run is deleted while it is read": async (scene) => {
        await scene.startClosed("wf");
        const deleting = onAnswer("load_workflows", () => scene.remove("wf"));
        return scene.atServer(deleting, (own) => get({ ...scene, ...own }));
      },
    },
  },
  elsewhere: {
    "the run is not there": async (scene) => {
      const runId = await scene.start("wf");
      const namespace = await scene.makeNamespace();
      for (const id of ["", runId])
        expect(await refusalOf(get({ ...scene, namespace }, "wf", id))).toMatchObject({
          reason: "WORKFLOW_NOT_FOUND",
        });
    },
  },
  nowhere: () => ({ workflowId: "wf" }),
  malformed: { request: {}, field: "workflow_id" },
});
