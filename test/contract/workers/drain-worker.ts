import { expect } from "vitest";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { scheduleActivity, tokenOf } from "../../support/actor.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { type Scene, seconds } from "../scene.js";
import { completeTask } from "../workflow-tasks/calls.js";

const register = ({ workers, namespace }: Scene) =>
  workers.registerWorker({ namespace, worker: { workerId: "w" } });

/** The worker "w" holds a workflow task of "held" and an activity of "wf". */
async function holdBoth(scene: Scene) {
  await register(scene);
  await scene.startWith("wf", [scheduleActivity(1)]);
  const activity = await scene.takeActivity({ workerId: "w" });
  await scene.start("held");
  const task = await scene.takeTask({ workerId: "w" });
  return { task, workflowTaskTokens: [tokenOf(task)], activityTaskTokens: [tokenOf(activity)] };
}

export const drainWorker = operation(WorkerService.method.drainWorker, {
  happy: {
    "ends the open polls of the worker, and of no other": async (scene) => {
      const { workers, namespace } = scene;
      await register(scene);
      const its = workers.pollActivityTasks({ namespace, workerId: "w", wait: seconds(50) });
      const other = scene.takeTask({ wait: seconds(50) });
      await scene.isPolled(2);
      await workers.drainWorker({ namespace, workerId: "w" });
      expect((await its).tasks).toEqual([]);
      await scene.start("wf");
      expect((await other).workflowId).toBe("wf");
    },
    "gives back what the worker holds: offered at once, with no attempt used": async (scene) => {
      const { workers, namespace } = scene;
      const { task, ...tokens } = await holdBoth(scene);
      const { returnedTasks } = await workers.drainWorker({ namespace, workerId: "w", ...tokens });
      expect(returnedTasks).toBe(2);
      expect(await scene.takeTask()).toMatchObject({ workflowId: "held", attempt: 1 });
      expect(await scene.takeActivity()).toMatchObject({ workflowId: "wf", attempt: 1 });
      expect((await scene.history("held")).slice(3)).toEqual([
        "workflowTaskFailed",
        "workflowTaskScheduled",
        "workflowTaskStarted",
      ]);
      expect(await refusalOf(completeTask(scene, task))).toMatchObject({ reason: "STALE_LEASE" });
    },
    "passes over tasks that the worker holds no more": async (scene) => {
      const { workers, namespace } = scene;
      const { task, workflowTaskTokens } = await holdBoth(scene);
      await scene.complete(task);
      const drained = await workers.drainWorker({ namespace, workerId: "w", workflowTaskTokens });
      expect(drained.returnedTasks).toBe(0);
    },
  },
  repeated: {
    "nothing more is given back": async (scene) => {
      const { workers, namespace } = scene;
      const { task: _, ...tokens } = await holdBoth(scene);
      const drain = () => workers.drainWorker({ namespace, workerId: "w", ...tokens });
      expect([(await drain()).returnedTasks, (await drain()).returnedTasks]).toEqual([2, 0]);
    },
  },
  refused: {
    WORKER_NOT_FOUND: {
      "the worker has not registered": ({ workers, namespace }) =>
        workers.drainWorker({ namespace, workerId: "w" }),
    },
    INVALID_TOKEN: {
      "a token can't be read": async (scene) => {
        await register(scene);
        const { workers, namespace } = scene;
        return workers.drainWorker({ namespace, workerId: "w", workflowTaskTokens: [Uint8Array.of(1)] });
      },
    },
  },
  elsewhere: {
    "a worker of the same id goes on in another namespace": async (scene) => {
      const { workers, namespace } = scene;
      const other = { ...scene, namespace: await scene.makeNamespace() };
      await register(scene);
      await register(other);
      await workers.drainWorker({ namespace, workerId: "w" });
      const { isDraining } = await workers.heartbeatWorker({ namespace: other.namespace, workerId: "w" });
      expect(isDraining).toBe(false);
    },
  },
  nowhere: () => ({ workerId: "w" }),
  malformed: { request: {}, field: "worker_id" },
});
