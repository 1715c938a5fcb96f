import { expect } from "vitest";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { refusalOf } from "../refusal.js";
import { type CommandInit, completeWorkflow, json, type Scene } from "../scene.js";

const snapshot = (seq: number, asOfEventId: number, state: string): CommandInit => ({
  seq,
  kind: { case: "recordSnapshot", value: { asOfEventId, state: json(state) } },
});

function get({ workers, namespace }: Pick<Scene, "workers" | "namespace">, runId = "") {
  return workers.getLatestSnapshot({ namespace, workflowId: "wf", runId });
}

export const getLatestSnapshot = operation(WorkerService.method.getLatestSnapshot, {
  happy: {
    "answers with the latest, and leaves history alone": async (scene) => {
      await scene.startWith("wf", [snapshot(1, 1, "1"), snapshot(2, 3, "2")]);
      const before = await scene.history("wf");
      expect(await get(scene)).toMatchObject({ asOfEventId: 3, state: json("2") });
      expect(await scene.history("wf")).toEqual(before);
    },
    "has those of closed runs, each by its run id": async (scene) => {
      const runId = await scene.startWith("wf", [snapshot(1, 1, "1"), completeWorkflow("1")]);
      await scene.startWith("wf", [snapshot(1, 1, "2"), completeWorkflow("2")]);
      expect((await get(scene, runId)).state).toMatchObject(json("1"));
      expect((await get(scene)).state).toMatchObject(json("2"));
    },
  },
  repeated: {
    "reads the same": async (scene) => {
      await scene.startWith("wf", [snapshot(1, 1, "1")]);
      expect(await get(scene)).toEqual(await get(scene));
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => get(scene),
      "the workflow has no such run": async (scene) => {
        await scene.startWith("wf", [snapshot(1, 1, "1")]);
        return get(scene, crypto.randomUUID());
      },
    },
    RUN_DELETED: {
      "the run is deleted while its snapshot is read": async (scene) => {
        await scene.startWith("wf", [snapshot(1, 1, "1"), completeWorkflow("1")]);
        const deleting = onAnswer("load_workflows", () => scene.remove("wf"));
        return scene.atServer(deleting, (own) => get({ ...scene, ...own }));
      },
    },
    SNAPSHOT_NOT_FOUND: {
      "the run has taken none": async (scene) => {
        await scene.start("wf");
        return get(scene);
      },
    },
  },
  elsewhere: {
    "in another namespace there is no such workflow": async (scene) => {
      await scene.startWith("wf", [snapshot(1, 1, "1")]);
      const call = get({ ...scene, namespace: await scene.makeNamespace() });
      expect(await refusalOf(call)).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
    },
  },
  nowhere: () => ({ workflowId: "wf" }),
  malformed: { request: {}, field: "workflow_id" },
});
