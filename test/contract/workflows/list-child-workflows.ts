import { expect } from "vitest";
import { ParentClosePolicy, WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type ListChildWorkflowsRequestSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { completeWorkflow, type Init, type Scene, seconds, workflowType } from "../scene.js";
import { startChild } from "./commands.js";

const list = ({ workflows, namespace }: Scene, request: Init<typeof ListChildWorkflowsRequestSchema> = {}) =>
  workflows.listChildWorkflows({ namespace, workflowId: "wf", ...request });

/** The workflow ids of the children of a run. */
async function childrenOf(scene: Scene, workflowId = "wf", runId = ""): Promise<string[]> {
  const { workflows } = await list(scene, { workflowId, runId });
  return workflows.map((child) => child.workflowId);
}

/** A run with children, which have started. Answers its run id. */
async function startParent(scene: Scene, ...children: string[]): Promise<string> {
  const commands = children.map((workflowId, index) => startChild(index + 1, workflowId));
  const runId = await scene.startWith("wf", commands);
  for (const _ of children) await scene.takeTask({ workflowTypes: ["packing"], wait: seconds(10) });
  return runId;
}

export const listChildWorkflows = operation(WorkflowService.method.listChildWorkflows, {
  happy: {
    "lists the children in the order in which they were started, and leaves no event": async (scene) => {
      const runId = await startParent(scene, "a", "b");
      const { length } = await scene.history("wf");
      const { namespace } = scene;
      const parent = { namespace, workflowId: "wf", runId };
      expect(await list(scene)).toMatchObject({
        workflows: [
          { workflowId: "a", workflowType: "packing", status: WorkflowStatus.RUNNING, parent },
          { workflowId: "b", workflowType: "packing", status: WorkflowStatus.RUNNING, parent },
        ],
        nextPageToken: "",
      });
      expect(await scene.history("wf")).toHaveLength(length);
    },
    "lists those that have ended too, where GetWorkflow shows the open ones": async (scene) => {
      await startParent(scene, "a", "b");
      const { workflows, namespace } = scene;
      await workflows.terminateWorkflow({ namespace, workflowId: "a" });
      await scene.eventOf("childWorkflowTerminated", "wf");
      expect((await list(scene)).workflows).toMatchObject([
        { workflowId: "a", status: WorkflowStatus.TERMINATED },
        { workflowId: "b", status: WorkflowStatus.RUNNING },
      ]);
      const { pendingChildren } = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(pendingChildren).toMatchObject([{ workflowId: "b" }]);
    },
    "shows what became of them when the parent closed": async (scene) => {
      const { TERMINATE, REQUEST_CANCEL, ABANDON } = ParentClosePolicy;
      await scene.startWith("wf", [
        startChild(1, "terminated", TERMINATE),
        startChild(2, "asked", REQUEST_CANCEL),
        startChild(3, "abandoned", ABANDON),
      ]);
      for (let n = 0; n < 3; n++) await scene.takeTask({ workflowTypes: ["packing"], wait: seconds(10) });
      await scene.complete(await scene.takeTask({ workflowTypes: [workflowType], wait: seconds(10) }), [
        completeWorkflow("1"),
      ]);
      await scene.eventOf("workflowTerminated", "terminated");
      const { workflows, namespace } = scene;
      const isAsked = async () =>
        (await workflows.getWorkflow({ namespace, workflowId: "asked" })).workflow?.isCancelRequested;
      await expect.poll(isAsked, { timeout: 10_000 }).toBe(true);
      expect((await list(scene)).workflows).toMatchObject([
        { workflowId: "terminated", status: WorkflowStatus.TERMINATED },
        { workflowId: "asked", status: WorkflowStatus.RUNNING, isCancelRequested: true },
        { workflowId: "abandoned", status: WorkflowStatus.RUNNING, isCancelRequested: false },
      ]);
    },
    "lists children alone, not theirs": async (scene) => {
      await scene.startWith("wf", [startChild(1, "child")]);
      const task = await scene.takeTask({ workflowTypes: ["packing"], wait: seconds(10) });
      await scene.complete(task, [startChild(1, "grandchild")]);
      await scene.eventOf("childWorkflowStarted", "child");
      expect(await childrenOf(scene)).toEqual(["child"]);
      expect(await childrenOf(scene, "child")).toEqual(["grandchild"]);
      expect(await childrenOf(scene, "grandchild")).toEqual([]);
    },
    "lists the children of the run that is meant": async (scene) => {
      const runId = await startParent(scene, "a");
      const { workflows, namespace } = scene;
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      await scene.start("wf");
      expect([await childrenOf(scene), await childrenOf(scene, "wf", runId)]).toEqual([[], ["a"]]);
    },
    "in pages, which go on with the same run when another has begun": async (scene) => {
      await startParent(scene, "a", "b", "c");
      const first = await list(scene, { pageSize: 2 });
      const { workflows, namespace } = scene;
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      await scene.start("wf");
      const second = await list(scene, { pageSize: 2, pageToken: first.nextPageToken });
      const ids = [first, second].map((page) => page.workflows.map(({ workflowId }) => workflowId));
      expect(ids).toEqual([["a", "b"], ["c"]]);
      expect(second.nextPageToken).toBe("");
    },
  },
  repeated: {
    "reads the same": async (scene) => {
      await startParent(scene, "a", "b");
      expect(await list(scene, { pageSize: 1 })).toEqual(await list(scene, { pageSize: 1 }));
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => list(scene),
      "the workflow has no such run": async (scene) => {
        await scene.start("wf");
        return list(scene, { runId: crypto.randomUUID() });
      },
    },
    RUN_DELETED: {
      "the run was deleted since the page before": async (scene) => {
        await startParent(scene, "a", "b");
        const { nextPageToken } = await list(scene, { pageSize: 1 });
        await scene.remove("wf");
        return list(scene, { pageToken: nextPageToken });
      },
    },
    INVALID_PAGE_TOKEN: {
      "the token is no token": async (scene) => {
        await scene.start("wf");
        return list(scene, { pageToken: "page two" });
      },
      "the token belongs to the children of another run": async (scene) => {
        await startParent(scene, "a", "b");
        const { nextPageToken } = await list(scene, { pageSize: 1 });
        return list(scene, { workflowId: "a", pageToken: nextPageToken });
      },
      "the token belongs to the children of an earlier run": async (scene) => {
        await startParent(scene, "a", "b");
        const { nextPageToken } = await list(scene, { pageSize: 1 });
        const { workflows, namespace } = scene;
        await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
        return list(scene, { runId: await scene.start("wf"), pageToken: nextPageToken });
      },
    },
  },
  elsewhere: {
    "the parent is not there": async (scene) => {
      const runId = await startParent(scene, "a");
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(list(there, { runId }))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
    },
  },
  nowhere: () => ({ workflowId: "wf" }),
  malformed: { request: { workflowId: "wf", pageSize: -1 }, field: "page_size" },
});
