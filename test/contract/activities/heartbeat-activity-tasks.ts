import { expect } from "vitest";
import { TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { accepted } from "../accepted.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { json, seconds } from "../scene.js";
import { beat, complete, first, held, refusedTargets, requestCancel } from "./calls.js";

const heartbeatTimeout = seconds(10);

export const heartbeatActivityTasks = operation(WorkerService.method.heartbeatActivityTasks, {
  happy: {
    "keeps an attempt alive beyond its heartbeat timeout, without an event": async (scene) => {
      const task = await scene.holdActivity("wf", { heartbeatTimeout });
      const before = await scene.events("wf");
      for (let times = 0; times < 3; times++) {
        await scene.pass(8_000);
        expect(await accepted(beat(scene, held(task)))).toMatchObject({ isCancelRequested: false });
      }
      expect(await scene.events("wf")).toEqual(before);
      await accepted(complete(scene, held(task)));
    },
    "gives its last details to the next attempt, once the worker fell silent": async (scene) => {
      const task = await scene.holdActivity("wf", { heartbeatTimeout });
      await accepted(beat(scene, held(task), json("6")));
      await accepted(beat(scene, held(task), json("7")));
      await accepted(beat(scene, held(task)));
      await scene.pass(11_000);
      await scene.pass(1_200);
      expect(await scene.takeActivity()).toMatchObject({
        attempt: 2,
        heartbeatDetails: json("7"),
        lastFailure: { kind: { case: "timeout", value: { kind: TimeoutKind.HEARTBEAT } } },
      });
    },
    "has its details in ActivityTimedOut when the last attempt fell silent": async (scene) => {
      const task = await scene.holdActivity("wf", { heartbeatTimeout, retryPolicy: { maximumAttempts: 1 } });
      await accepted(beat(scene, held(task), json("7")));
      await scene.pass(11_000);
      const ended = (await scene.events("wf")).find(({ kind }) => kind.case === "activityTimedOut");
      expect(ended?.kind.value).toMatchObject({
        kind: TimeoutKind.HEARTBEAT,
        attempts: 1,
        failure: { kind: { case: "timeout", value: { lastHeartbeatDetails: json("7") } } },
      });
    },
    "is told once the activity is asked to cancel": async (scene) => {
      const task = await scene.holdActivity("wf");
      await requestCancel(scene);
      expect(await accepted(beat(scene, held(task)))).toMatchObject({ isCancelRequested: true });
      expect((await scene.history("wf")).at(-1)).toBe("activityCancelRequested");
    },
    "may come from outside, by name": async (scene) => {
      await scene.holdActivity("wf", { heartbeatTimeout });
      await scene.pass(8_000);
      await accepted(beat(scene, first, json("7")));
      const { workflows, namespace } = scene;
      const { pendingActivities } = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(pendingActivities).toMatchObject([{ attempt: 1, heartbeatDetails: json("7") }]);
    },
    "gives each element its outcome": async (scene) => {
      const { workers, workflows, namespace } = scene;
      const stale = await scene.holdActivity("stale");
      await workflows.terminateWorkflow({ namespace, workflowId: "stale" });
      const task = await scene.holdActivity("wf");
      const heartbeats = [{ target: held(stale) }, { target: held(task) }];
      const { outcomes } = await workers.heartbeatActivityTasks({ namespace, heartbeats });
      expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(["error", "accepted"]);
    },
  },
  repeated: {
    "a heartbeat is as good twice": async (scene) => {
      const task = await scene.holdActivity("wf");
      const before = await scene.events("wf");
      const told = await accepted(beat(scene, held(task), json("7")));
      expect(await accepted(beat(scene, held(task), json("7")))).toEqual(told);
      expect(await scene.events("wf")).toEqual(before);
    },
  },
  refused: refusedTargets((scene, target) => beat(scene, target)),
  elsewhere: {
    "neither a token nor a name reaches an activity of another namespace": async (scene) => {
      const task = await scene.holdActivity("wf");
      const other = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(beat(other, held(task)))).toMatchObject({ reason: "INVALID_TOKEN" });
      expect(await refusalOf(beat(other, first))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
    },
  },
  nowhere: async (scene) => ({
    heartbeats: [{ target: held(await scene.holdActivity("wf")) }],
  }),
  malformed: { request: {}, field: "heartbeats" },
});
