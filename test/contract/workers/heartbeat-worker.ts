import { expect } from "vitest";
import { WorkerStatus } from "../../../gen/pawl/v1/worker_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { errorOf } from "../../support/engine.js";
import { complete, held } from "../activities/calls.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { type Scene, seconds } from "../scene.js";

async function statusOf({ workers, namespace }: Scene) {
  const { workers: listed } = await workers.listWorkers({ namespace });
  return listed.map(({ status }) => WorkerStatus[status]);
}

const register = ({ workers, namespace }: Scene) =>
  workers.registerWorker({ namespace, worker: { workerId: "w" } });

export const heartbeatWorker = operation(WorkerService.method.heartbeatWorker, {
  happy: {
    "keeps a worker alive, and notes what it holds": async (scene) => {
      const { workers, namespace } = scene;
      await register(scene);
      for (let times = 0; times < 2; times++) {
        await scene.pass(80_000);
        const load = { workerId: "w", workflowTasks: 2, activityTasks: 3 };
        expect(await workers.heartbeatWorker({ namespace, ...load })).toMatchObject({ isDraining: false });
      }
      expect((await workers.listWorkers({ namespace })).workers).toMatchObject([
        { status: WorkerStatus.ALIVE, workflowTasks: 2, activityTasks: 3 },
      ]);
    },
    "tells a worker that it drains": async (scene) => {
      const { workers, namespace } = scene;
      await register(scene);
      await workers.drainWorker({ namespace, workerId: "w" });
      expect(await workers.heartbeatWorker({ namespace, workerId: "w" })).toMatchObject({ isDraining: true });
    },
    "left out for 90 s, the worker is dead, and what it held comes back": async (scene) => {
      await scene.house.main.server.upkeep.beat();
      await register(scene);
      await scene.start("task", { workflowTaskTimeout: seconds(1_800) });
      const task = await scene.takeTask({ workerId: "w" });
      await scene.start("wf");
      await scene.complete(await scene.takeTask(), [
        { seq: 1, kind: { case: "scheduleActivity", value: { activityType: "charge" } } },
      ]);
      const activity = await scene.takeActivity({ workerId: "w" });
      await scene.pass(91_000);
      expect(await statusOf(scene)).toEqual(["DEAD"]);
      await scene.releaseDead();
      expect((await scene.history("task")).at(-1)).toBe("workflowTaskTimedOut");
      expect((await scene.takeTask()).workflowId).toBe(task.workflowId);
      const { outcomes } = await complete(scene, held(activity));
      expect(errorOf(outcomes[0])).toBe("STALE_LEASE");
      await scene.pass(1_200);
      expect(await scene.takeActivity()).toMatchObject({ workflowId: "wf", attempt: 2 });
    },
    "brings a worker back that was dead": async (scene) => {
      const { workers, namespace } = scene;
      await register(scene);
      await scene.pass(91_000);
      expect(await statusOf(scene)).toEqual(["DEAD"]);
      await workers.heartbeatWorker({ namespace, workerId: "w" });
      expect(await statusOf(scene)).toEqual(["ALIVE"]);
    },
  },
  repeated: {
    "a heartbeat is as good twice": async (scene) => {
      const { workers, namespace } = scene;
      await register(scene);
      const beat = () => workers.heartbeatWorker({ namespace, workerId: "w", workflowTasks: 1 });
      expect(await beat()).toEqual(await beat());
      expect((await workers.listWorkers({ namespace })).workers).toMatchObject([{ workflowTasks: 1 }]);
    },
  },
  refused: {
    WORKER_NOT_FOUND: {
      "the worker has not registered": ({ workers, namespace }) =>
        workers.heartbeatWorker({ namespace, workerId: "w" }),
    },
  },
  elsewhere: {
    "a worker of another namespace is not found": async (scene) => {
      await register(scene);
      const namespace = await scene.makeNamespace();
      const call = scene.workers.heartbeatWorker({ namespace, workerId: "w" });
      expect(await refusalOf(call)).toMatchObject({ reason: "WORKER_NOT_FOUND" });
    },
  },
  nowhere: () => ({ workerId: "w" }),
  malformed: { request: {}, field: "worker_id" },
});
