import { expect } from "vitest";
import { ClosedIdPolicy, OpenIdPolicy, WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { completeWorkflow, json, seconds, workflowType } from "../scene.js";
import { continueAsNew } from "./commands.js";

export const startWorkflow = operation(WorkflowService.method.startWorkflow, {
  happy: {
    "opens a run whose start and first task are durable": async (scene) => {
      const { workflows, namespace } = scene;
      const spec = {
        workflowId: "wf",
        workflowType,
        input: json('{"sku":"MUG"}'),
        memo: { note: json('"gift"') },
      };
      const started = await workflows.startWorkflow({ namespace, identity: "shop", spec });
      expect(started).toMatchObject({ workflowId: "wf", isStarted: true });
      const [first, second, ...rest] = await scene.events("wf", started.runId);
      expect(first).toMatchObject({
        eventId: 1,
        identity: "shop",
        kind: {
          case: "workflowStarted",
          value: { workflowType, taskQueue: "default", input: spec.input, attempt: 1 },
        },
      });
      expect(second?.kind.case).toBe("workflowTaskScheduled");
      expect(rest).toEqual([]);
      const { workflow } = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(workflow).toMatchObject({ status: WorkflowStatus.PENDING, memo: spec.memo });
    },
    "makes an id where none is given": async ({ workflows, namespace }) => {
      const { workflowId } = await workflows.startWorkflow({ namespace, spec: { workflowType } });
      expect(workflowId).toMatch(/^[0-9a-f-]{36}$/);
    },
    "waits for the result in the same call": async (scene) => {
      const { workflows, namespace } = scene;
      const waiting = workflows.startWorkflow({
        namespace,
        spec: { workflowId: "wf", workflowType },
        wait: seconds(20),
      });
      await scene.complete(await scene.takeTask({ wait: seconds(10) }), [completeWorkflow("42")]);
      expect((await waiting).outcome).toMatchObject({
        status: WorkflowStatus.COMPLETED,
        value: { case: "result", value: json("42") },
      });
    },
    "joins the open run of its id if it is told to": async (scene) => {
      const runId = await scene.start("wf");
      const spec = { workflowId: "wf", workflowType, openIdPolicy: OpenIdPolicy.USE_EXISTING };
      const { workflows, namespace } = scene;
      expect(await workflows.startWorkflow({ namespace, spec })).toMatchObject({ runId, isStarted: false });
      expect(await scene.history("wf")).toEqual(["workflowStarted", "workflowTaskScheduled"]);
    },
    "terminates the open run of its id if it is told to": async (scene) => {
      const before = await scene.start("wf");
      const after = await scene.start("wf", { openIdPolicy: OpenIdPolicy.TERMINATE_EXISTING });
      const [closing] = (await scene.events("wf", before)).slice(-1);
      expect(closing?.kind).toMatchObject({ case: "workflowTerminated", value: { nextRunId: after } });
      expect(await scene.history("wf", after)).toEqual(["workflowStarted", "workflowTaskScheduled"]);
    },
    "gives the first task out after the start delay": async (scene) => {
      await scene.start("wf", { startDelay: seconds(60) });
      const { workers, namespace } = scene;
      expect((await workers.pollWorkflowTasks({ namespace, wait: {} })).tasks).toEqual([]);
      await scene.pass(61_000);
      expect((await scene.takeTask()).workflowId).toBe("wf");
    },
  },
  repeated: {
    "with the same request id, the run is the same and nothing is written": async (scene) => {
      const { workflows, namespace } = scene;
      const request = { namespace, requestId: "once", spec: { workflowType } };
      const first = await workflows.startWorkflow(request);
      expect(await workflows.startWorkflow(request)).toEqual(first);
      expect(await scene.history(first.workflowId)).toEqual(["workflowStarted", "workflowTaskScheduled"]);
    },
  },
  refused: {
    WORKFLOW_EXISTS: {
      "the id has an open run": async (scene) => {
        await scene.start("wf");
        return scene.start("wf");
      },
      "the id has a closed run, and the policy rejects another": async (scene) => {
        await scene.startClosed("wf");
        return scene.start("wf", { closedIdPolicy: ClosedIdPolicy.REJECT });
      },
      "the id has a run that did not fail, and the policy allows another only after a failure": async (
        scene,
      ) => {
        await scene.startClosed("wf");
        return scene.start("wf", { closedIdPolicy: ClosedIdPolicy.ALLOW_IF_FAILED });
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used for a start with other content": async ({ workflows, namespace }) => {
        const spec = { workflowId: "wf", workflowType };
        await workflows.startWorkflow({ namespace, requestId: "once", spec });
        return workflows.startWorkflow({ namespace, requestId: "once", spec: { ...spec, input: json("2") } });
      },
    },
    RUN_DELETED: {
      "the run that goes on is deleted while the outcome is waited for": (scene) =>
        scene.atServer(
          onAnswer("read_events", () => scene.remove("wf")),
          async ({ workflows }) => {
            const { namespace } = scene;
            const spec = { workflowId: "wf", workflowType };
            const waiting = workflows.startWorkflow({ namespace, spec, wait: seconds(20) });
            await scene.complete(await scene.takeTask({ wait: seconds(10) }), [continueAsNew()]);
            return waiting;
          },
        ),
    },
  },
  elsewhere: {
    "an id is free in another namespace": async (scene) => {
      await scene.start("wf");
      const namespace = await scene.makeNamespace();
      const { isStarted } = await scene.workflows.startWorkflow({
        namespace,
        spec: { workflowId: "wf", workflowType },
      });
      expect(isStarted).toBe(true);
    },
  },
  nowhere: () => ({ spec: { workflowId: "wf", workflowType } }),
  malformed: { request: {}, field: "spec" },
});
