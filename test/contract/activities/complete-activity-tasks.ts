import { expect } from "vitest";
import { RetryState } from "../../../gen/pawl/v1/failure_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { scheduleActivity } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { json } from "../scene.js";
import { complete, fail, first, held, named, refusedTargets, requestCancel } from "./calls.js";

const charged = { case: "result" as const, value: json('"charged"') };

export const completeActivityTasks = operation(WorkerService.method.completeActivityTasks, {
  happy: {
    "ends an activity with its result, and makes a workflow task": async (scene) => {
      const { workers, namespace } = scene;
      await workers.registerWorker({ namespace, worker: { workerId: "w" } });
      await scene.startWith("wf", [scheduleActivity(1)]);
      const task = await scene.takeActivity({ workerId: "w", identity: "4711@host" });
      const { alreadyApplied } = await accepted(complete(scene, held(task), charged));
      expect(alreadyApplied).toBe(false);
      const [scheduled, started, completed, next] = (await scene.events("wf")).slice(4);
      expect(started).toMatchObject({
        identity: "4711@host",
        kind: {
          case: "activityStarted",
          value: { scheduledEventId: scheduled?.eventId, workerId: "w", attempt: 1 },
        },
      });
      expect(completed).toMatchObject({
        identity: "till",
        kind: {
          case: "activityCompleted",
          value: { seq: 1, startedEventId: started?.eventId, result: charged.value },
        },
      });
      expect(next?.kind.case).toBe("workflowTaskScheduled");
    },
    "may end it without a result": async (scene) => {
      await accepted(complete(scene, held(await scene.holdActivity("wf"))));
      const completed = (await scene.events("wf")).find(({ kind }) => kind.case === "activityCompleted");
      expect(completed?.kind.value).toMatchObject({ seq: 1 });
      expect(completed?.kind.value).not.toHaveProperty("result");
    },
    "fails it without a retry": async (scene) => {
      const task = await scene.holdActivity("wf");
      await accepted(complete(scene, held(task), { case: "failed", value: { message: "no such card" } }));
      const [failed] = (await scene.events("wf")).slice(6);
      expect(failed?.kind).toMatchObject({
        case: "activityFailed",
        value: {
          attempts: 1,
          retryState: RetryState.NON_RETRYABLE_FAILURE,
          failure: { message: "no such card" },
        },
      });
    },
    "ends it as cancelled once that was asked for": async (scene) => {
      const task = await scene.holdActivity("wf");
      await requestCancel(scene);
      const events = await scene.events("wf");
      const asked = events.find(({ kind }) => kind.case === "activityCancelRequested");
      await accepted(complete(scene, held(task), { case: "cancelled", value: { details: json("3") } }));
      const ended = (await scene.events("wf")).find(({ kind }) => kind.case === "activityCancelled");
      expect(ended?.kind.value).toMatchObject({
        cancelRequestedEventId: asked?.eventId,
        details: json("3"),
      });
    },
    "ends one from outside by its id, while a worker has it": async (scene) => {
      await scene.holdActivity("wf", { activityId: "payment" });
      const activity = { case: "activityId", value: "payment" } as const;
      await accepted(complete(scene, named({ workflowId: "wf", activity }), charged));
      expect(await scene.history("wf")).toContain("activityCompleted");
    },
    "ends one from outside by its seq, while a worker has it": async (scene) => {
      await scene.holdActivity("wf", { activityId: "payment" });
      await accepted(complete(scene, first, charged));
      expect(await scene.history("wf")).toContain("activityCompleted");
    },
    "tells with the start how the attempt before went": async (scene) => {
      await accepted(fail(scene, held(await scene.holdActivity("wf"))));
      await scene.pass(1_200);
      await accepted(complete(scene, held(await scene.takeActivity())));
      const [started] = (await scene.events("wf")).slice(5);
      expect(started?.kind).toMatchObject({
        case: "activityStarted",
        value: { attempt: 2, lastFailure: { message: "card declined" } },
      });
    },
    "puts its events behind those of a workflow task that is held": async (scene) => {
      const activity = await scene.holdActivity("wf");
      const { workflows, namespace } = scene;
      await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "go" });
      const task = await scene.takeTask();
      await accepted(complete(scene, held(activity)));
      expect(await scene.history("wf")).not.toContain("activityCompleted");
      await scene.complete(task);
      expect((await scene.history("wf")).slice(-4)).toEqual([
        "workflowTaskCompleted",
        "activityStarted",
        "activityCompleted",
        "workflowTaskScheduled",
      ]);
    },
    "gives each element its outcome: a stale lease does not touch its neighbours": async (scene) => {
      const stale = await scene.holdActivity("stale");
      await scene.workflows.terminateWorkflow({ namespace: scene.namespace, workflowId: "stale" });
      const task = await scene.holdActivity("wf");
      const { outcomes } = await scene.workers.completeActivityTasks({
        namespace: scene.namespace,
        completions: [{ target: held(stale) }, { target: held(task) }],
      });
      expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(["error", "accepted"]);
      expect(await scene.history("wf")).toContain("activityCompleted");
    },
  },
  repeated: {
    "with the same token after a lost answer, it is accepted and nothing is written": async (scene) => {
      const task = await scene.holdActivity("wf");
      await accepted(complete(scene, held(task), charged));
      const before = await scene.events("wf");
      expect(await accepted(complete(scene, held(task), charged))).toMatchObject({ alreadyApplied: true });
      expect(await scene.events("wf")).toEqual(before);
    },
  },
  refused: {
    ...refusedTargets((scene, target) => complete(scene, target)),
    CANCEL_NOT_REQUESTED: {
      "it ends as cancelled, which nobody asked for": async (scene) => {
        const task = await scene.holdActivity("wf");
        return complete(scene, held(task), { case: "cancelled", value: {} });
      },
    },
  },
  elsewhere: {
    "neither a token nor a name reaches an activity of another namespace": async (scene) => {
      const task = await scene.holdActivity("wf");
      const other = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(complete(other, held(task)))).toMatchObject({ reason: "INVALID_TOKEN" });
      expect(await refusalOf(complete(other, first))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      await accepted(complete(scene, held(task)));
    },
  },
  nowhere: async (scene) => ({
    completions: [{ target: held(await scene.holdActivity("wf")) }],
  }),
  malformed: { request: {}, field: "completions" },
});
