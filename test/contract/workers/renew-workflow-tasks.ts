import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { tokenOf } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { present, type Scene } from "../scene.js";
import { type Holder, refusedTokens } from "../workflow-tasks/calls.js";

async function takeFirst(scene: Scene) {
  await scene.start("wf");
  return scene.takeTask();
}

const renew = ({ workers, namespace }: Scene, ...tasks: Holder[]) =>
  workers.renewWorkflowTasks({ namespace, taskTokens: tasks.map(tokenOf) });

export const renewWorkflowTasks = operation(WorkerService.method.renewWorkflowTasks, {
  happy: {
    "gives a lease its full term again, without an event": async (scene) => {
      const task = await takeFirst(scene);
      let deadline = timestampMs(present(task.deadlineTime, "a deadline"));
      for (let times = 0; times < 3; times++) {
        await scene.pass(8_000);
        const { deadlineTime } = await accepted(renew(scene, task));
        const next = timestampMs(present(deadlineTime, "a deadline"));
        expect(next - deadline).toBeGreaterThanOrEqual(8_000);
        deadline = next;
      }
      expect((await scene.history("wf")).at(-1)).toBe("workflowTaskStarted");
      await scene.complete(task);
    },
    "gives each element its outcome": async (scene) => {
      const stale = await takeFirst(scene);
      await scene.complete(stale);
      await scene.start("other");
      const { outcomes } = await renew(scene, stale, await scene.takeTask());
      expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(["error", "accepted"]);
    },
  },
  repeated: {
    "a renewal is as good twice": async (scene) => {
      const task = await takeFirst(scene);
      const before = await scene.events("wf");
      await accepted(renew(scene, task));
      await accepted(renew(scene, task));
      expect(await scene.events("wf")).toEqual(before);
    },
  },
  refused: refusedTokens((scene, task) => renew(scene, task)),
  elsewhere: {
    "a token is of no use in another namespace": async (scene) => {
      const task = await takeFirst(scene);
      const other = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(renew(other, task))).toMatchObject({ reason: "INVALID_TOKEN" });
    },
  },
  nowhere: async (scene) => ({ taskTokens: [tokenOf(await takeFirst(scene))] }),
  malformed: { request: {}, field: "task_tokens" },
});
