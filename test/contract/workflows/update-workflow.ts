import { expect } from "vitest";
import { UpdateStage, WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { refusalOf } from "../refusal.js";
import { completeWorkflow, json, seconds } from "../scene.js";
import { acceptUpdate, completeUpdate, rejectUpdate } from "./commands.js";
import { admitted, answered, rejected, update } from "./updates.js";

export const updateWorkflow = operation(WorkflowService.method.updateWorkflow, {
  happy: {
    "answers with what the run's code says; history has what was asked and answered": async (scene) => {
      const runId = await scene.startWith("wf", []);
      const asked = update(scene, { updateId: "u", input: json("7"), identity: "shop" });
      const task = await scene.takeTask({ wait: seconds(10) });
      expect(task.updates).toMatchObject([
        { updateId: "u", name: "set", input: json("7"), identity: "shop" },
      ]);
      await scene.complete(task, [acceptUpdate("u"), completeUpdate("u")]);
      expect(await asked).toMatchObject({ updateId: "u", runId, ...answered });
      const events = (await scene.events("wf")).slice(-3);
      expect(events.map(({ kind }) => kind)).toMatchObject([
        { case: "workflowTaskCompleted" },
        { case: "updateAccepted", value: { updateId: "u", name: "set", input: json("7") } },
        {
          case: "updateCompleted",
          value: { updateId: "u", acceptedEventId: 8, outcome: { case: "result" } },
        },
      ]);
    },
    "is durable, and not in history, once it is admitted": async (scene) => {
      const runId = await scene.startWith("wf", []);
      const { length } = await scene.history("wf");
      expect(await admitted(scene, "u")).toMatchObject({ updateId: "u", runId, stage: UpdateStage.ADMITTED });
      expect((await scene.history("wf")).slice(length)).toEqual(["workflowTaskScheduled"]);
      expect((await scene.takeTask()).updates).toMatchObject([{ updateId: "u" }]);
    },
    "waits until it is accepted, if that is far enough": async (scene) => {
      await scene.startWith("wf", []);
      const asked = update(scene, { updateId: "u", waitStage: UpdateStage.ACCEPTED });
      await scene.complete(await scene.takeTask({ wait: seconds(10) }), [acceptUpdate("u")]);
      const { stage, outcome } = await asked;
      expect([stage, outcome.case]).toEqual([UpdateStage.ACCEPTED, undefined]);
      expect((await scene.history("wf")).at(-1)).toBe("updateAccepted");
    },
    "is rejected by the run's validator without an event": async (scene) => {
      await scene.startWith("wf", []);
      const asked = update(scene, { updateId: "u", waitStage: UpdateStage.ACCEPTED });
      await scene.complete(await scene.takeTask({ wait: seconds(10) }), [rejectUpdate("u")]);
      expect(await asked).toMatchObject(rejected);
      expect((await scene.history("wf")).at(-1)).toBe("workflowTaskCompleted");
    },
    "answers how far it has come when the wait is over": async (scene) => {
      await scene.startWith("wf", []);
      expect(await update(scene, { updateId: "u", wait: {} })).toMatchObject({ stage: UpdateStage.ADMITTED });
    },
    "makes an id where none is given": async (scene) => {
      await scene.startWith("wf", []);
      const { updateId } = await admitted(scene, "");
      expect(updateId).toMatch(/^[0-9a-f-]{36}$/);
      expect((await scene.takeTask()).updates).toMatchObject([{ updateId }]);
    },
    "goes with the next task where a worker holds one": async (scene) => {
      await scene.start("wf");
      const task = await scene.takeTask();
      await admitted(scene, "u");
      await scene.complete(task);
      expect((await scene.takeTask()).updates).toMatchObject([{ updateId: "u" }]);
    },
    "fails when a task closes the run that has not seen it": async (scene) => {
      await scene.start("wf");
      const task = await scene.takeTask();
      const asked = update(scene, { updateId: "u" });
      await admitted(scene, "u");
      await scene.complete(task, [completeWorkflow("1")]);
      expect(await asked).toMatchObject({
        stage: UpdateStage.COMPLETED,
        outcome: { case: "failure", value: { message: expect.stringContaining("COMPLETED") } },
      });
    },
    "fails when the run closes before it is answered": async (scene) => {
      await scene.startWith("wf", []);
      const asked = update(scene, { updateId: "u" });
      await scene.complete(await scene.takeTask({ wait: seconds(10) }), [acceptUpdate("u")]);
      const { workflows, namespace } = scene;
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      expect(await asked).toMatchObject({
        stage: UpdateStage.COMPLETED,
        outcome: { case: "failure", value: { message: expect.stringContaining("TERMINATED") } },
      });
    },
  },
  repeated: {
    "with the same id, it is admitted once": async (scene) => {
      await scene.startWith("wf", []);
      const first = await admitted(scene, "u");
      const { length } = await scene.history("wf");
      expect(await admitted(scene, "u")).toEqual(first);
      expect(await scene.history("wf")).toHaveLength(length);
      expect((await scene.takeTask()).updates).toHaveLength(1);
    },
    "with the same id, the answer is the one that was given, even once the run is closed": async (scene) => {
      await scene.startWith("wf", []);
      await admitted(scene, "u");
      await admitted(scene, "v");
      const task = await scene.takeTask();
      await scene.complete(task, [acceptUpdate("u"), completeUpdate("u"), rejectUpdate("v")]);
      const both = async () => [
        await update(scene, { updateId: "u" }),
        await update(scene, { updateId: "v" }),
      ];
      expect(await both()).toMatchObject([answered, rejected]);
      const { length } = await scene.history("wf");
      expect(await scene.history("wf")).toHaveLength(length);
      const { workflows, namespace } = scene;
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      expect(await both()).toMatchObject([answered, rejected]);
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => update(scene),
      "the workflow has no such run": async (scene) => {
        await scene.start("wf");
        return update(scene, { runId: crypto.randomUUID() });
      },
    },
    RUN_DELETED: {
      "the run is deleted while the answer is waited for": async (scene) => {
        await scene.startWith("wf", []);
        // The first answer is that of the admission.
        const deleting = onAnswer("load_workflows", () => scene.remove("wf"), 2);
        return scene.atServer(deleting, (own) => update({ ...scene, ...own }, { updateId: "u" }));
      },
      "the run is deleted as soon as the update is admitted": async (scene) => {
        await scene.startWith("wf", []);
        let isAdmitted = false;
        const deleting = {
          async holdAnswer(statement: string) {
            if (!statement.startsWith("write_batch") || isAdmitted) return;
            isAdmitted = true;
            await scene.remove("wf");
          },
        };
        return scene.atServer(deleting, (own) => update({ ...scene, ...own }, { updateId: "u" }));
      },
    },
    WORKFLOW_CLOSED: {
      "the run is closed": async (scene) => {
        await scene.startClosed("wf");
        return update(scene);
      },
    },
    REQUEST_ID_REUSED: {
      "the id was used for another update, which is pending": async (scene) => {
        await scene.startWith("wf", []);
        await admitted(scene, "u");
        return update(scene, { updateId: "u", input: json("8") });
      },
      "the id was used for another update, which is answered": async (scene) => {
        await scene.startWith("wf", []);
        await admitted(scene, "u");
        await scene.complete(await scene.takeTask(), [acceptUpdate("u"), completeUpdate("u")]);
        return update(scene, { updateId: "u", name: "unset" });
      },
    },
    PENDING_LIMIT: {
      "the updates that wait for the run's code take more than 1 MiB": async (scene) => {
        await scene.startWith("wf", []);
        const input = json(`"${"x".repeat(600_000)}"`);
        await update(scene, { input, wait: {} });
        return update(scene, { input, wait: {} });
      },
    },
  },
  elsewhere: {
    "the run is not there, and gets no update": async (scene) => {
      const runId = await scene.startWith("wf", []);
      const { length } = await scene.history("wf");
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(update(there, { runId }))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      expect(await scene.history("wf")).toHaveLength(length);
    },
  },
  nowhere: () => ({ workflowId: "wf", name: "set" }),
  malformed: { request: { workflowId: "wf" }, field: "name" },
});
