import { expect } from "vitest";
import { ClosedIdPolicy, ParentClosePolicy } from "../../../gen/pawl/v1/workflow_pb.js";
import { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { completeWorkflow, type Scene } from "../scene.js";
import { startChild } from "./commands.js";

const remove = ({ workflows, namespace }: Scene, runId = "", workflowId = "wf") =>
  workflows.deleteWorkflow({ namespace, workflowId, runId });

/** The run ids of the namespace, as they are listed. */
async function listed({ workflows, namespace }: Scene): Promise<string[]> {
  const { count } = await workflows.countWorkflows({ namespace });
  const page = await workflows.listWorkflows({ namespace });
  expect(Number(count)).toBe(page.workflows.length);
  return page.workflows.map(({ runId }) => runId);
}

export const deleteWorkflow = operation(WorkflowService.method.deleteWorkflow, {
  happy: {
    "takes a closed run away: nothing finds it, lists it or counts it": async (scene) => {
      const { workflows, namespace } = scene;
      const other = await scene.startClosed("other");
      const runId = await scene.startClosed("wf");
      expect(await remove(scene)).toMatchObject({});
      for (const id of ["", runId]) {
        const name = { namespace, workflowId: "wf", runId: id };
        for (const call of [workflows.getWorkflow(name), workflows.getHistory(name)])
          expect(await refusalOf(call)).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      }
      expect(await listed(scene)).toEqual([other]);
      expect(await scene.history("other")).toHaveLength(5);
    },
    "the run before it is the latest from then on, if it was that": async (scene) => {
      const first = await scene.startClosed("wf");
      await scene.startClosed("wf");
      await remove(scene);
      expect(await scene.runIdOf("wf")).toBe(first);
      expect(await scene.history("wf")).toHaveLength(5);
    },
    "a run id means that run, also beside one that is open": async (scene) => {
      const first = await scene.startClosed("wf");
      const second = await scene.start("wf");
      await remove(scene, first);
      expect(await listed(scene)).toEqual([second]);
      expect(await scene.history("wf")).toHaveLength(2);
    },
    "leaves the workflow id free": async (scene) => {
      const { REJECT } = ClosedIdPolicy;
      await scene.startClosed("wf");
      const starting = scene.start("wf", { closedIdPolicy: REJECT });
      expect(await refusalOf(starting)).toMatchObject({ reason: "WORKFLOW_EXISTS" });
      await remove(scene);
      const runId = await scene.start("wf", { closedIdPolicy: REJECT });
      expect(await listed(scene)).toEqual([runId]);
    },
    "a parent still hears of the end of a child that is deleted": async (scene) => {
      await scene.startWith("parent", [startChild(1, "wf")]);
      await scene.eventOf("childWorkflowStarted", "parent");
      const { workflows, namespace } = scene;
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      await remove(scene);
      const told = await scene.eventOf("childWorkflowTerminated", "parent");
      expect(told.kind.value).toMatchObject({ seq: 1, child: { workflowId: "wf" } });
      expect((await workflows.listChildWorkflows({ namespace, workflowId: "parent" })).workflows).toEqual([]);
    },
    "a child goes on when its parent is deleted": async (scene) => {
      await scene.startWith("wf", [startChild(1, "child", ParentClosePolicy.ABANDON)]);
      await scene.eventOf("childWorkflowStarted", "wf");
      const { workflows, namespace } = scene;
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      await remove(scene);
      await scene.complete(await scene.takeTask({ workflowTypes: ["packing"] }), [completeWorkflow("1")]);
      expect((await scene.history("child")).at(-1)).toBe("workflowCompleted");
    },
  },
  repeated: {
    "of a run that is named, finds it no more and leaves the others": async (scene) => {
      const first = await scene.startClosed("wf");
      const second = await scene.startClosed("wf");
      await remove(scene, second);
      expect(await refusalOf(remove(scene, second))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      expect(await listed(scene)).toEqual([first]);
    },
    "without a run id, deletes the run before it": async (scene) => {
      await scene.startClosed("wf");
      await scene.startClosed("wf");
      for (let n = 0; n < 2; n++) await remove(scene);
      expect(await listed(scene)).toEqual([]);
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => remove(scene),
      "the workflow has no such run": async (scene) => {
        await scene.startClosed("wf");
        return remove(scene, crypto.randomUUID());
      },
      "the run belongs to another workflow": async (scene) => {
        await scene.startClosed("wf");
        return remove(scene, await scene.startClosed("other"));
      },
      "it was deleted": async (scene) => {
        await scene.startClosed("wf");
        await remove(scene);
        return remove(scene);
      },
    },
    WORKFLOW_OPEN: {
      "no worker has touched it": async (scene) => {
        await scene.start("wf");
        return remove(scene);
      },
      "it runs, and has closed runs behind it": async (scene) => {
        await scene.startClosed("wf");
        await scene.startWith("wf", []);
        const refused = remove(scene);
        await refusalOf(refused);
        expect(await listed(scene)).toHaveLength(2);
        return refused;
      },
    },
  },
  elsewhere: {
    "the run is not there, and stays": async (scene) => {
      const runId = await scene.startClosed("wf");
      const there = { ...scene, namespace: await scene.makeNamespace() };
      for (const id of ["", runId])
        expect(await refusalOf(remove(there, id))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      expect(await listed(scene)).toEqual([runId]);
    },
  },
  nowhere: () => ({ workflowId: "wf" }),
  malformed: { request: {}, field: "workflow_id" },
});
