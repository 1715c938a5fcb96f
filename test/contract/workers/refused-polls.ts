/** Why a worker is given no tasks, of either kind. */
import type { OperationContract } from "../contract.js";
import type { Scene } from "../scene.js";

/** The refusals of a poll by the worker "w". */
export function refusedPolls(poll: (scene: Scene) => Promise<unknown>): OperationContract["refused"] {
  return {
    WORKER_NOT_FOUND: {
      "the worker has not registered": poll,
    },
    WORKER_DRAINING: {
      "the worker drains": async (scene) => {
        const { workers, namespace } = scene;
        await workers.registerWorker({ namespace, worker: { workerId: "w" } });
        await workers.drainWorker({ namespace, workerId: "w" });
        return poll(scene);
      },
    },
  };
}
