import { expect } from "vitest";
import { WorkerStatus } from "../../../gen/pawl/v1/worker_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { operation } from "../contract.js";
import { type Scene, seconds } from "../scene.js";

const spec = {
  ...{ workerId: "w", identity: "4711@host", taskQueues: ["tills"], workflowTypes: ["order"] },
  ...{ activityTypes: ["charge"], workflowSlots: 5, activitySlots: 7, sdk: "typescript/1", buildId: "v7" },
};

async function registered({ workers, namespace }: Scene) {
  return (await workers.listWorkers({ namespace })).workers;
}

export const registerWorker = operation(WorkerService.method.registerWorker, {
  happy: {
    "keeps what the worker told of itself, and tells it the times and limits to keep": async (scene) => {
      const { workers, namespace } = scene;
      expect(await workers.registerWorker({ namespace, worker: spec })).toMatchObject({
        workerId: "w",
        workflowTaskTimeout: seconds(10),
        heartbeatInterval: seconds(30),
        maxPayloadBytes: 2 ** 21,
        maxRequestBytes: 2 ** 22,
        maxDetailsBytes: 2 ** 18,
      });
      expect(await registered(scene)).toMatchObject([{ spec, status: WorkerStatus.ALIVE }]);
    },
    "makes an id where none is given": async ({ workers, namespace }) => {
      const { workerId } = await workers.registerWorker({ namespace, worker: {} });
      expect(workerId).toMatch(/^[0-9a-f-]{36}$/);
    },
    "takes a worker into service again that drains": async (scene) => {
      const { workers, namespace } = scene;
      await workers.registerWorker({ namespace, worker: spec });
      await workers.drainWorker({ namespace, workerId: "w" });
      await workers.registerWorker({ namespace, worker: spec });
      expect(await registered(scene)).toMatchObject([{ status: WorkerStatus.ALIVE }]);
      await workers.pollWorkflowTasks({ namespace, workerId: "w", wait: {} });
    },
  },
  repeated: {
    "with the same id, it replaces what was known": async (scene) => {
      const { workers, namespace } = scene;
      await workers.registerWorker({ namespace, worker: spec });
      const first = await workers.registerWorker({ namespace, worker: spec });
      expect(await workers.registerWorker({ namespace, worker: { ...spec, buildId: "v8" } })).toEqual(first);
      expect(await registered(scene)).toMatchObject([{ spec: { ...spec, buildId: "v8" } }]);
    },
  },
  refused: {},
  elsewhere: {
    "a worker is known in its namespace alone": async (scene) => {
      const { workers, namespace } = scene;
      await workers.registerWorker({ namespace, worker: spec });
      const other = { ...scene, namespace: await scene.makeNamespace() };
      expect(await registered(other)).toEqual([]);
    },
  },
  nowhere: () => ({ worker: spec }),
  malformed: { request: {}, field: "worker" },
});
