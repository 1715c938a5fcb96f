import { expect } from "vitest";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { OpenIdPolicy } from "../../../gen/pawl/v1/workflow_pb.js";
import { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { operation } from "../contract.js";
import { json, workflowType } from "../scene.js";

export const startWorkflows = operation(WorkflowService.method.startWorkflows, {
  happy: {
    "starts each, and answers in order": async (scene) => {
      const { workflows, namespace } = scene;
      const specs = ["a", "b"].map((workflowId) => ({ workflowId, workflowType, input: json("7") }));
      const { outcomes } = await workflows.startWorkflows({ namespace, identity: "shop", specs });
      expect(outcomes).toMatchObject([
        { outcome: { case: "started", value: { workflowId: "a", isStarted: true } } },
        { outcome: { case: "started", value: { workflowId: "b", isStarted: true } } },
      ]);
      for (const workflowId of ["a", "b"]) {
        const [first] = await scene.events(workflowId);
        expect(first).toMatchObject({
          identity: "shop",
          kind: { value: { workflowType, input: json("7") } },
        });
        expect(await scene.history(workflowId)).toEqual(["workflowStarted", "workflowTaskScheduled"]);
      }
    },
    "does not start the refused, and starts its neighbours": async (scene) => {
      const runId = await scene.start("taken");
      const { workflows, namespace } = scene;
      const specs = [
        { workflowId: "taken", workflowType },
        { workflowId: "untyped" },
        { workflowId: "free", workflowType },
      ];
      const { outcomes } = await workflows.startWorkflows({ namespace, specs });
      const error = (reason: ErrorReason, metadata: object) => ({
        outcome: { case: "error", value: { reason, metadata } },
      });
      expect(outcomes).toMatchObject([
        error(ErrorReason.WORKFLOW_EXISTS, { run_id: runId }),
        error(ErrorReason.INVALID_FIELD, { field: "specs[1].workflow_type" }),
        { outcome: { case: "started", value: { workflowId: "free", isStarted: true } } },
      ]);
      expect((await workflows.listWorkflows({ namespace })).workflows).toHaveLength(2);
    },
    "keeps the id policies of each": async (scene) => {
      const runIds = { a: await scene.start("a"), b: await scene.start("b") };
      const { workflows, namespace } = scene;
      const specs = [
        { workflowId: "a", workflowType, openIdPolicy: OpenIdPolicy.USE_EXISTING },
        { workflowId: "b", workflowType, openIdPolicy: OpenIdPolicy.TERMINATE_EXISTING },
      ];
      const { outcomes } = await workflows.startWorkflows({ namespace, specs });
      expect(outcomes).toMatchObject([
        { outcome: { value: { runId: runIds.a, isStarted: false } } },
        { outcome: { value: { isStarted: true } } },
      ]);
      expect((await scene.history("b", runIds.b)).at(-1)).toBe("workflowTerminated");
    },
  },
  repeated: {
    "with the same request id, each run is the same and nothing is written": async (scene) => {
      const { workflows, namespace } = scene;
      const request = { namespace, requestId: "once", specs: [{ workflowType }, { workflowType }] };
      const first = await workflows.startWorkflows(request);
      expect(await workflows.startWorkflows(request)).toEqual(first);
      expect((await workflows.listWorkflows({ namespace })).workflows).toHaveLength(2);
    },
  },
  refused: {
    WORKFLOW_EXISTS: {
      "the id of an element has an open run": async (scene) => {
        await scene.start("wf");
        const { workflows, namespace } = scene;
        return workflows.startWorkflows({ namespace, specs: [{ workflowId: "wf", workflowType }] });
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used for a start with other content": async ({ workflows, namespace }) => {
        const spec = { workflowId: "wf", workflowType };
        const request = { namespace, requestId: "once" };
        await workflows.startWorkflows({ ...request, specs: [spec] });
        return workflows.startWorkflows({ ...request, specs: [{ ...spec, input: json("2") }] });
      },
    },
  },
  elsewhere: {
    "an id is free in another namespace": async (scene) => {
      await scene.start("wf");
      const namespace = await scene.makeNamespace();
      const specs = [{ workflowId: "wf", workflowType }];
      const { outcomes } = await scene.workflows.startWorkflows({ namespace, specs });
      expect(outcomes).toMatchObject([{ outcome: { value: { isStarted: true } } }]);
    },
  },
  nowhere: () => ({ specs: [{ workflowType }] }),
  malformed: { request: { specs: [] }, field: "specs" },
});
