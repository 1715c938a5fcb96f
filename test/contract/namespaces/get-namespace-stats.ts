import { expect } from "vitest";
import { NamespaceService } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { operation } from "../contract.js";
import type { Scene } from "../scene.js";

/** The numbers, and the statuses that some run has. */
async function statsOf({ namespaces }: Scene, name: string) {
  const { workflows, ...rest } = await namespaces.getNamespaceStats({ name });
  const some = workflows.filter(({ count }) => count > 0n);
  const runs = Object.fromEntries(some.map(({ status, count }) => [WorkflowStatus[status], count]));
  return { statuses: workflows.length, runs, schedules: rest.schedules, workers: rest.workers };
}

export const getNamespaceStats = operation(NamespaceService.method.getNamespaceStats, {
  happy: {
    "counts runs by every status": async (scene) => {
      const { workflows, namespace } = scene;
      expect(await statsOf(scene, namespace)).toMatchObject({ statuses: 8, runs: {} });
      for (let n = 0; n < 3; n++) await scene.startClosed(`done-${n}`);
      await scene.start("running");
      await scene.takeTask();
      await scene.start("pending");
      await scene.start("ended");
      await workflows.terminateWorkflow({ namespace, workflowId: "ended" });
      expect((await statsOf(scene, namespace)).runs).toEqual({
        COMPLETED: 3n,
        RUNNING: 1n,
        PENDING: 1n,
        TERMINATED: 1n,
      });
    },
    "counts those no more that were deleted": async (scene) => {
      const { workflows, namespace } = scene;
      await scene.startClosed("wf");
      await workflows.deleteWorkflow({ namespace, workflowId: "wf" });
      expect((await statsOf(scene, namespace)).runs).toEqual({});
    },
    "counts workers that were heard of lately": async (scene) => {
      const { workers, namespace } = scene;
      for (const workerId of ["a", "b"]) await workers.registerWorker({ namespace, worker: { workerId } });
      await workers.drainWorker({ namespace, workerId: "b" });
      expect((await statsOf(scene, namespace)).workers).toBe(2n);
      await scene.pass(91_000);
      await workers.heartbeatWorker({ namespace, workerId: "a" });
      expect((await statsOf(scene, namespace)).workers).toBe(1n);
    },
    "is about `main` where none is named": async (scene) => {
      const { namespaces } = scene;
      expect(await namespaces.getNamespaceStats({})).toEqual(
        await namespaces.getNamespaceStats({ name: "main" }),
      );
    },
  },
  repeated: {
    "it reads the same": async (scene) => {
      await scene.start("wf");
      expect(await statsOf(scene, scene.namespace)).toEqual(await statsOf(scene, scene.namespace));
    },
  },
  refused: {
    NAMESPACE_NOT_FOUND: {
      "there is none of this name": ({ namespaces }) => namespaces.getNamespaceStats({ name: "nowhere" }),
    },
  },
  elsewhere: {
    "runs and workers of another namespace are not counted": async (scene) => {
      const { workers, namespace } = scene;
      await scene.start("wf");
      await workers.registerWorker({ namespace, worker: { workerId: "w" } });
      expect(await statsOf(scene, await scene.makeNamespace())).toMatchObject({ runs: {}, workers: 0n });
    },
  },
  malformed: { request: { name: "\0" }, field: "name" },
});
