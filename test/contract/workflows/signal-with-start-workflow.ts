import { expect } from "vitest";
import { ClosedIdPolicy } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type SignalWithStartWorkflowRequestSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { tokenOf } from "../../support/actor.js";
import { operation } from "../contract.js";
import { completeWorkflow, type Init, json, type Scene, seconds, workflowType } from "../scene.js";

const spec = { workflowId: "wf", workflowType };

const signal = (
  { workflows, namespace }: Scene,
  request: Init<typeof SignalWithStartWorkflowRequestSchema> = {},
) => workflows.signalWithStartWorkflow({ namespace, spec, signalName: "add", ...request });

export const signalWithStartWorkflow = operation(WorkflowService.method.signalWithStartWorkflow, {
  happy: {
    "starts a run that has the signal from the beginning": async (scene) => {
      const started = await signal(scene, { identity: "shop", signalPayload: json('"mug"') });
      expect(started).toMatchObject({ workflowId: "wf", isStarted: true });
      expect(await scene.history("wf", started.runId)).toEqual([
        ...["workflowStarted", "signalReceived", "workflowTaskScheduled"],
      ]);
      expect((await scene.events("wf"))[1]).toMatchObject({
        identity: "shop",
        kind: { value: { name: "add", payload: json('"mug"') } },
      });
    },
    "signals the open run of the id, whatever the spec says": async (scene) => {
      const runId = await scene.start("wf");
      const answer = await signal(scene, { spec: { ...spec, workflowType: "refund", input: json("2") } });
      expect(answer).toMatchObject({ workflowId: "wf", runId, isStarted: false });
      expect(await scene.history("wf")).toEqual([
        ...["workflowStarted", "workflowTaskScheduled", "signalReceived"],
      ]);
    },
    "starts another run behind a closed one": async (scene) => {
      const before = await scene.startClosed("wf");
      const { runId, isStarted } = await signal(scene);
      expect([isStarted, runId === before]).toEqual([true, false]);
    },
    "makes an id where none is given": async (scene) => {
      const { workflowId } = await signal(scene, { spec: { workflowType } });
      expect(await scene.history(workflowId)).toContain("signalReceived");
    },
    "gives the first task out after the start delay": async (scene) => {
      await signal(scene, { spec: { ...spec, startDelay: seconds(60) } });
      await scene.pass(61_000);
      expect((await scene.takeTask()).workflowId).toBe("wf");
    },
  },
  repeated: {
    "with the same request id, the run that was started is the same and has one signal": async (scene) => {
      const first = await signal(scene, { requestId: "once" });
      expect(await signal(scene, { requestId: "once" })).toEqual(first);
      expect(await scene.history("wf")).toHaveLength(3);
    },
    "with the same request id, the run that was open has one signal": async (scene) => {
      await scene.start("wf");
      const first = await signal(scene, { requestId: "once" });
      expect(await signal(scene, { requestId: "once" })).toEqual(first);
      expect(await scene.history("wf")).toHaveLength(3);
    },
    "with the same request id once the run has closed, no other is started": async (scene) => {
      for (const start of [false, true]) {
        if (start) await scene.start("wf");
        const requestId = `once ${start}`;
        const first = await signal(scene, { requestId });
        await scene.complete(await scene.takeTask(), [completeWorkflow("1")]);
        expect(await signal(scene, { requestId })).toEqual(first);
        expect((await scene.history("wf")).at(-1)).toBe("workflowCompleted");
      }
    },
  },
  refused: {
    WORKFLOW_EXISTS: {
      "the id has a closed run, and the policy rejects another": async (scene) => {
        await scene.startClosed("wf");
        return signal(scene, { spec: { ...spec, closedIdPolicy: ClosedIdPolicy.REJECT } });
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used for another signal": async (scene) => {
        await signal(scene, { requestId: "once" });
        return signal(scene, { requestId: "once", signalName: "remove" });
      },
      "the request id was used for a start": async (scene) => {
        const { workflows, namespace } = scene;
        await workflows.startWorkflow({ namespace, requestId: "once", spec });
        return signal(scene, { requestId: "once" });
      },
    },
    SERVER_BUSY: {
      "signals have kept the run from closing ten times in a row": async (scene) => {
        await scene.start("wf");
        for (let n = 0; n < 10; n++) {
          const task = await scene.takeTask();
          await signal(scene);
          const completions = [{ taskToken: tokenOf(task), commands: [completeWorkflow("1")] }];
          await scene.workers.completeWorkflowTasks({ namespace: scene.namespace, completions });
        }
        await scene.takeTask();
        return signal(scene);
      },
    },
  },
  elsewhere: {
    "the open run is not there, and another is started": async (scene) => {
      await scene.start("wf");
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await signal(there)).toMatchObject({ isStarted: true });
      expect(await scene.history("wf")).toHaveLength(2);
    },
  },
  nowhere: () => ({ spec, signalName: "add" }),
  malformed: { request: { spec }, field: "signal_name" },
});
