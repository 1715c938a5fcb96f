import { expect } from "vitest";
import { WorkerStatus } from "../../../gen/pawl/v1/worker_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { operation } from "../contract.js";
import type { Scene } from "../scene.js";

async function registerAll({ workers, namespace }: Scene, ids: readonly string[]): Promise<void> {
  for (const workerId of ids) {
    const worker = { workerId, taskQueues: ["default", `queue of ${workerId}`] };
    await workers.registerWorker({ namespace, worker });
  }
}

async function list({ workers, namespace }: Scene, rest: object = {}) {
  const { workers: listed, nextPageToken } = await workers.listWorkers({ namespace, ...rest });
  return { ids: listed.map(({ spec }) => spec?.workerId), nextPageToken };
}

export const listWorkers = operation(WorkerService.method.listWorkers, {
  happy: {
    "lists workers by id, with what they do and when they were last seen": async (scene) => {
      const { workers, namespace } = scene;
      await registerAll(scene, ["b", "a"]);
      await workers.heartbeatWorker({ namespace, workerId: "b", activityTasks: 2 });
      await workers.drainWorker({ namespace, workerId: "a" });
      const { workers: listed } = await workers.listWorkers({ namespace });
      expect(listed).toMatchObject([
        { spec: { workerId: "a" }, status: WorkerStatus.DRAINING, activityTasks: 0 },
        { spec: { workerId: "b" }, status: WorkerStatus.ALIVE, activityTasks: 2 },
      ]);
      for (const { registerTime, lastSeenTime } of listed)
        expect(Number(lastSeenTime?.seconds)).toBeGreaterThanOrEqual(Number(registerTime?.seconds));
    },
    "lists those of one queue": async (scene) => {
      await registerAll(scene, ["a", "b"]);
      expect((await list(scene, { taskQueue: "queue of b" })).ids).toEqual(["b"]);
    },
    "lists in pages": async (scene) => {
      await registerAll(scene, ["a", "b", "c"]);
      const first = await list(scene, { pageSize: 2 });
      const second = await list(scene, { pageSize: 2, pageToken: first.nextPageToken });
      expect([first.ids, second]).toEqual([["a", "b"], { ids: ["c"], nextPageToken: "" }]);
    },
  },
  repeated: {
    "it reads the same": async (scene) => {
      const { workers, namespace } = scene;
      await registerAll(scene, ["a"]);
      expect(await workers.listWorkers({ namespace })).toEqual(await workers.listWorkers({ namespace }));
    },
  },
  refused: {
    INVALID_PAGE_TOKEN: {
      "the token is malformed": (scene) => list(scene, { pageToken: "x" }),
      "the token belongs to another query": async (scene) => {
        await registerAll(scene, ["a", "b"]);
        const { nextPageToken: pageToken } = await list(scene, { pageSize: 1 });
        return list(scene, { taskQueue: "default", pageToken });
      },
    },
  },
  elsewhere: {
    "workers of another namespace are not listed": async (scene) => {
      await registerAll(scene, ["a"]);
      expect((await list(scene, { namespace: await scene.makeNamespace() })).ids).toEqual([]);
    },
  },
  nowhere: () => ({}),
  malformed: { request: { pageSize: 1_001 }, field: "page_size" },
});
