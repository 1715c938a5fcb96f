import { expect } from "vitest";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type SignalWorkflowRequestSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { scheduleTimer, tokenOf } from "../../support/actor.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { completeWorkflow, type Init, json, type Scene } from "../scene.js";

const signal = ({ workflows, namespace }: Scene, request: Init<typeof SignalWorkflowRequestSchema> = {}) =>
  workflows.signalWorkflow({ namespace, workflowId: "wf", name: "shipped", ...request });

/** The names of a run's signals, in the order of its history. */
async function signalsOf(scene: Scene): Promise<string[]> {
  const events = await scene.events("wf");
  return events.flatMap(({ kind }) => (kind.case === "signalReceived" ? [kind.value.name] : []));
}

/** Completes a task in a way that closes the run, which a signal has prevented. */
function closeInVain({ workers, namespace }: Scene, task: { readonly taskToken: Uint8Array }) {
  const completions = [{ taskToken: tokenOf(task), commands: [completeWorkflow("1")] }];
  return refusalOf(workers.completeWorkflowTasks({ namespace, completions }));
}

export const signalWorkflow = operation(WorkflowService.method.signalWorkflow, {
  happy: {
    "records the signal, and makes a workflow task": async (scene) => {
      const runId = await scene.startWith("wf", []);
      const before = await scene.history("wf");
      const what = {
        payload: json('{"carrier":"post"}'),
        header: { fields: { trace: json('"7"') } },
        links: [{ target: { case: "uri", value: "https://example.com" } as const }],
      };
      expect(await signal(scene, { ...what, identity: "shop", requestId: "once" })).toMatchObject({ runId });
      const [received, task, ...rest] = (await scene.events("wf")).slice(before.length);
      const { payload, header, links } = what;
      expect(received).toMatchObject({
        ...{ identity: "shop", links },
        kind: { case: "signalReceived", value: { name: "shipped", payload, header, requestId: "once" } },
      });
      expect(task?.kind.case).toBe("workflowTaskScheduled");
      expect(rest).toEqual([]);
    },
    "keeps the order, and gives all to one task": async (scene) => {
      await scene.start("wf");
      const names = ["a", "b", "c"];
      for (const name of names) await signal(scene, { name });
      const task = await scene.takeTask();
      const seen = task.history.flatMap(({ kind }) =>
        kind.case === "signalReceived" ? [kind.value.name] : [],
      );
      expect(seen).toEqual(names);
      await scene.complete(task);
      const { workers, namespace } = scene;
      expect((await workers.pollWorkflowTasks({ namespace, wait: {} })).tasks).toEqual([]);
    },
    "is kept until the started workflow task closes": async (scene) => {
      await scene.start("wf");
      const task = await scene.takeTask();
      await signal(scene);
      expect(await signalsOf(scene)).toEqual([]);
      await scene.complete(task, [scheduleTimer(1, 60)]);
      expect((await scene.history("wf")).slice(-4)).toEqual([
        ...["workflowTaskCompleted", "timerScheduled", "signalReceived", "workflowTaskScheduled"],
      ]);
    },
    "is never lost to a completion that has not seen it: the task is made again": async (scene) => {
      await scene.start("wf");
      const task = await scene.takeTask();
      await signal(scene);
      expect(await closeInVain(scene, task)).toMatchObject({ reason: "UNHANDLED_COMMAND" });
      const events = (await scene.events("wf")).slice(-3);
      expect(events.map(({ kind }) => kind)).toMatchObject([
        { case: "workflowTaskFailed", value: { cause: WorkflowTaskFailureCause.UNHANDLED_COMMAND } },
        { case: "signalReceived" },
        { case: "workflowTaskScheduled" },
      ]);
      await scene.complete(await scene.takeTask(), [completeWorkflow("1")]);
      expect((await scene.history("wf")).at(-1)).toBe("workflowCompleted");
    },
    "reaches the run that is named": async (scene) => {
      const runId = await scene.start("wf");
      expect(await signal(scene, { runId })).toMatchObject({ runId });
      expect(await signalsOf(scene)).toEqual(["shipped"]);
    },
  },
  repeated: {
    "with the same request id, the run has the signal once": async (scene) => {
      await scene.start("wf");
      const first = await signal(scene, { requestId: "once" });
      expect(await signal(scene, { requestId: "once", identity: "retry" })).toEqual(first);
      expect(await signalsOf(scene)).toEqual(["shipped"]);
    },
    "with the same request id while the signal is kept, and once the run is closed": async (scene) => {
      await scene.start("wf");
      const task = await scene.takeTask();
      const first = await signal(scene, { requestId: "once" });
      expect(await signal(scene, { requestId: "once" })).toEqual(first);
      await scene.complete(task);
      await scene.complete(await scene.takeTask(), [completeWorkflow("1")]);
      expect(await signal(scene, { requestId: "once" })).toEqual(first);
      expect(await signalsOf(scene)).toEqual(["shipped"]);
    },
    "without a request id, it is another signal": async (scene) => {
      await scene.start("wf");
      await signal(scene);
      await signal(scene);
      expect(await signalsOf(scene)).toEqual(["shipped", "shipped"]);
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => signal(scene),
      "the workflow has no such run": async (scene) => {
        await scene.start("wf");
        return signal(scene, { runId: crypto.randomUUID() });
      },
    },
    WORKFLOW_CLOSED: {
      "the run is closed": async (scene) => {
        await scene.startClosed("wf");
        return signal(scene);
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used for another signal": async (scene) => {
        await scene.start("wf");
        await signal(scene, { requestId: "once" });
        return signal(scene, { requestId: "once", name: "lost" });
      },
    },
    SERVER_BUSY: {
      "signals have kept the run from closing ten times in a row": async (scene) => {
        await scene.start("wf");
        for (let n = 0; n < 10; n++) {
          const task = await scene.takeTask();
          await signal(scene);
          await closeInVain(scene, task);
        }
        await scene.takeTask();
        return signal(scene);
      },
    },
  },
  elsewhere: {
    "the run is not there, and has no signal": async (scene) => {
      const runId = await scene.start("wf");
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(signal(there, { runId }))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      expect(await signalsOf(scene)).toEqual([]);
    },
  },
  nowhere: () => ({ workflowId: "wf", name: "shipped" }),
  malformed: { request: { workflowId: "wf" }, field: "name" },
});
