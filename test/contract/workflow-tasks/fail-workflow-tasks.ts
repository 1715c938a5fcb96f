import { expect } from "vitest";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { PendingTaskState, WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { tokenOf } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { completeWorkflow, type Scene } from "../scene.js";
import { failTask, refusedTokens } from "./calls.js";

async function takeFirst(scene: Scene) {
  await scene.start("wf");
  return scene.takeTask();
}

/** Fails the first attempt, lets its back-off pass, and takes the second. */
async function takeSecondAttempt(scene: Scene) {
  await accepted(failTask(scene, await takeFirst(scene)));
  await scene.pass(1_100);
  return scene.takeTask();
}

export const failWorkflowTasks = operation(WorkerService.method.failWorkflowTasks, {
  happy: {
    "records the first failure, and lets the task wait for 1 s": async (scene) => {
      const { workers, workflows, namespace } = scene;
      const told = await accepted(failTask(scene, await takeFirst(scene), { buildId: "v7" }));
      expect(told).toMatchObject({ alreadyApplied: false });
      const [failed, ...rest] = (await scene.events("wf")).slice(3);
      expect(rest).toEqual([]);
      expect(failed).toMatchObject({
        identity: "4711@host",
        kind: {
          case: "workflowTaskFailed",
          value: {
            ...{ scheduledEventId: 2, startedEventId: 3, buildId: "v7" },
            cause: WorkflowTaskFailureCause.WORKFLOW_ERROR,
            failure: { message: "no such method" },
          },
        },
      });
      const { pendingWorkflowTask } = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(pendingWorkflowTask).toMatchObject({
        ...{ state: PendingTaskState.BACKING_OFF, attempt: 2, lastFailure: { message: "no such method" } },
      });
      expect((await workers.pollWorkflowTasks({ namespace, wait: {} })).tasks).toEqual([]);
      await scene.pass(1_100);
      expect((await scene.takeTask()).attempt).toBe(2);
    },
    "keeps further attempts out of history until one succeeds, with a growing wait": async (scene) => {
      const second = await takeSecondAttempt(scene);
      expect(second.provisionalEvents.map(({ kind }) => kind.case)).toEqual([
        "workflowTaskScheduled",
        "workflowTaskStarted",
      ]);
      await accepted(failTask(scene, second));
      expect(await scene.history("wf")).toHaveLength(4);
      await scene.pass(2_100);
      await scene.complete(await scene.takeTask(), [completeWorkflow("1")]);
      expect((await scene.history("wf")).slice(3)).toEqual([
        "workflowTaskFailed",
        "workflowTaskScheduled",
        "workflowTaskStarted",
        "workflowTaskCompleted",
        "workflowCompleted",
      ]);
    },
    "offers the task at once, as a first attempt, when something new comes in": async (scene) => {
      await accepted(failTask(scene, await takeFirst(scene)));
      const { workflows, namespace } = scene;
      await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "more" });
      expect((await scene.takeTask()).attempt).toBe(1);
      expect((await scene.history("wf")).slice(3)).toEqual([
        "workflowTaskFailed",
        "signalReceived",
        "workflowTaskScheduled",
        "workflowTaskStarted",
      ]);
    },
    "blocks a run that does not replay, without ending it": async (scene) => {
      const cause = WorkflowTaskFailureCause.NON_DETERMINISM;
      await accepted(failTask(scene, await takeFirst(scene), { cause }));
      const { workflows, namespace } = scene;
      const { pendingWorkflowTask } = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(pendingWorkflowTask).toMatchObject({ lastFailureCause: cause });
    },
    "gives a task back that a worker has no more time for: at once, with no attempt used": async (scene) => {
      const cause = WorkflowTaskFailureCause.WORKER_SHUTDOWN;
      await accepted(failTask(scene, await takeFirst(scene), { cause }));
      expect((await scene.takeTask()).attempt).toBe(1);
      expect((await scene.history("wf")).slice(3)).toEqual([
        "workflowTaskFailed",
        "workflowTaskScheduled",
        "workflowTaskStarted",
      ]);
    },
    "gives each element its outcome": async (scene) => {
      const { workers, workflows, namespace } = scene;
      const stale = await takeFirst(scene);
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      await scene.start("other");
      const tasks = [stale, await scene.takeTask()];
      const failures = tasks.map((task) => ({ taskToken: tokenOf(task) }));
      const { outcomes } = await workers.failWorkflowTasks({ namespace, failures });
      expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(["error", "accepted"]);
      expect((await scene.history("other")).at(-1)).toBe("workflowTaskFailed");
    },
  },
  repeated: {
    "with the same token, it is accepted and nothing is written": async (scene) => {
      const task = await takeFirst(scene);
      await accepted(failTask(scene, task));
      const before = await scene.events("wf");
      expect(await accepted(failTask(scene, task))).toMatchObject({ alreadyApplied: true });
      expect(await scene.events("wf")).toEqual(before);
    },
  },
  refused: refusedTokens((scene, task) => failTask(scene, task)),
  elsewhere: {
    "a token is of no use in another namespace": async (scene) => {
      const task = await takeFirst(scene);
      const other = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(failTask(other, task))).toMatchObject({ reason: "INVALID_TOKEN" });
      await scene.complete(task);
    },
  },
  nowhere: async (scene) => ({ failures: [{ taskToken: tokenOf(await takeFirst(scene)) }] }),
  malformed: { request: {}, field: "failures" },
});
