import { expect } from "vitest";
import {
  type GetUpdateResultRequestSchema,
  UpdateStage,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { refusalOf } from "../refusal.js";
import { type Init, present, type Scene, seconds } from "../scene.js";
import { acceptUpdate, completeUpdate, rejectUpdate } from "./commands.js";
import { admitted, answered, rejected } from "./updates.js";

const wait = seconds(20);

async function result(
  { workflows, namespace }: Scene,
  request: Init<typeof GetUpdateResultRequestSchema> = {},
) {
  const answer = await workflows.getUpdateResult({ namespace, workflowId: "wf", updateId: "u", ...request });
  return present(answer.update, "the answer has no update");
}

/** A run that has an update, admitted. Answers its run id. */
async function startAsked(scene: Scene): Promise<string> {
  const runId = await scene.startWith("wf", []);
  await admitted(scene, "u");
  return runId;
}

export const getUpdateResult = operation(WorkflowService.method.getUpdateResult, {
  happy: {
    "waits for the answer, and leaves no event": async (scene) => {
      const runId = await startAsked(scene);
      const waiting = result(scene, { wait });
      await scene.complete(await scene.takeTask(), [acceptUpdate("u"), completeUpdate("u")]);
      expect(await waiting).toMatchObject({ updateId: "u", runId, ...answered });
      expect((await scene.history("wf")).at(-1)).toBe("updateCompleted");
    },
    "waits until it is accepted, if that is far enough": async (scene) => {
      await startAsked(scene);
      const waiting = result(scene, { wait, waitStage: UpdateStage.ACCEPTED });
      await scene.complete(await scene.takeTask(), [acceptUpdate("u")]);
      expect(await waiting).toMatchObject({ stage: UpdateStage.ACCEPTED, outcome: { case: undefined } });
    },
    "tells at once how far it has come, if that is asked": async (scene) => {
      await startAsked(scene);
      const stages = async () => [
        (await result(scene, { waitStage: UpdateStage.ADMITTED })).stage,
        (await result(scene, { wait: {} })).stage,
      ];
      expect(await stages()).toEqual([UpdateStage.ADMITTED, UpdateStage.ADMITTED]);
      await scene.complete(await scene.takeTask(), [acceptUpdate("u")]);
      expect(await stages()).toEqual([UpdateStage.ACCEPTED, UpdateStage.ACCEPTED]);
    },
    "tells why the update was rejected": async (scene) => {
      await startAsked(scene);
      await scene.complete(await scene.takeTask(), [rejectUpdate("u")]);
      expect(await result(scene)).toMatchObject(rejected);
    },
    "tells that the run closed before it answered, accepted or not": async (scene) => {
      await startAsked(scene);
      await admitted(scene, "v");
      await scene.complete(await scene.takeTask(), [acceptUpdate("u")]);
      const { workflows, namespace } = scene;
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      for (const updateId of ["u", "v"])
        expect(await result(scene, { updateId })).toMatchObject({
          ...{ stage: UpdateStage.COMPLETED, outcome: { case: "failure", value: { source: "server" } } },
        });
    },
    "means the open run, else the latest; a run id means that run": async (scene) => {
      const runId = await startAsked(scene);
      await scene.complete(await scene.takeTask(), [acceptUpdate("u"), completeUpdate("u")]);
      const { workflows, namespace } = scene;
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      expect(await result(scene)).toMatchObject(answered);
      await scene.start("wf");
      expect(await result(scene, { runId })).toMatchObject(answered);
    },
  },
  repeated: {
    "reads the same": async (scene) => {
      await startAsked(scene);
      await scene.complete(await scene.takeTask(), [acceptUpdate("u"), completeUpdate("u")]);
      expect(await result(scene)).toEqual(await result(scene));
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => result(scene),
      "the workflow has no such run": async (scene) => {
        await startAsked(scene);
        return result(scene, { runId: crypto.randomUUID() });
      },
    },
    RUN_DELETED: {
      "the run is deleted while the answer is waited for": async (scene) => {
        await startAsked(scene);
        const deleting = onAnswer("load_workflows", () => scene.remove("wf"));
        return scene.atServer(deleting, (own) => result({ ...scene, ...own }, { wait }));
      },
    },
    UPDATE_NOT_FOUND: {
      "the run has no such update": async (scene) => {
        await startAsked(scene);
        return result(scene, { updateId: "other" });
      },
    },
  },
  elsewhere: {
    "the run is not there": async (scene) => {
      const runId = await startAsked(scene);
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(result(there, { runId }))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
    },
  },
  nowhere: () => ({ workflowId: "wf", updateId: "u" }),
  malformed: { request: { workflowId: "wf" }, field: "update_id" },
});
