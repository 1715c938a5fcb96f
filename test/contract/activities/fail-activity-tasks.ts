import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import { RetryState } from "../../../gen/pawl/v1/failure_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { accepted } from "../accepted.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { json, present, type Scene, seconds } from "../scene.js";
import { fail, first, held, refusedTargets, requestCancel } from "./calls.js";

const application = (value: object) => ({ kind: { case: "application" as const, value } });

/** The seconds, rounded down, from the start of an attempt until the next is due. */
function waitOf(start: Timestamp | undefined, next: Timestamp | undefined): number {
  const [from, to] = [present(start, "no start"), present(next, "no next attempt")];
  return Math.floor((timestampMs(to) - timestampMs(from)) / 1_000);
}

/** The ActivityFailed of "wf". */
async function failedEvent(scene: Scene) {
  const failed = (await scene.events("wf")).find(({ kind }) => kind.case === "activityFailed");
  return present(failed, "the activity has not failed").kind.value;
}

export const failActivityTasks = operation(WorkerService.method.failActivityTasks, {
  happy: {
    "makes the next attempt wait, without an event; GetWorkflow shows it": async (scene) => {
      const { workers, workflows, namespace } = scene;
      const task = await scene.holdActivity("wf", { retryPolicy: { jitter: 0 } });
      const before = await scene.events("wf");
      const { alreadyApplied, nextAttemptTime } = await accepted(fail(scene, held(task)));
      expect(alreadyApplied).toBe(false);
      expect(await scene.events("wf")).toEqual(before);
      const { pendingActivities } = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(pendingActivities).toMatchObject([
        { attempt: 2, nextAttemptTime, lastFailure: { message: "card declined" } },
      ]);
      expect((await workers.pollActivityTasks({ namespace, wait: {} })).tasks).toEqual([]);
      await scene.pass(1_100);
      expect(await scene.takeActivity()).toMatchObject({
        attempt: 2,
        lastFailure: { message: "card declined" },
      });
    },
    "lets the wait grow by the policy's coefficient, up to its maximum": async (scene) => {
      let task = await scene.holdActivity("wf", {
        retryPolicy: {
          initialInterval: seconds(100),
          backoffCoefficient: 3,
          maximumInterval: seconds(500),
          maximumAttempts: 0,
          jitter: 0,
        },
      });
      const waits: number[] = [];
      for (let attempt = 1; attempt <= 4; attempt++) {
        const { nextAttemptTime } = await accepted(fail(scene, held(task)));
        waits.push(Math.floor(waitOf(task.startTime, nextAttemptTime) / 10));
        await scene.pass(500_000);
        task = await scene.takeActivity();
      }
      expect(waits).toEqual([10, 30, 50, 50]);
    },
    "waits as long as the failure says, whatever the policy": async (scene) => {
      const task = await scene.holdActivity("wf");
      const failure = application({ nextRetryDelay: seconds(3_600) });
      const { nextAttemptTime } = await accepted(fail(scene, held(task), failure));
      expect(waitOf(task.startTime, nextAttemptTime)).toBeGreaterThanOrEqual(3_600);
    },
    "ends the activity with its last attempt, of which there are 3 by default": async (scene) => {
      let task = await scene.holdActivity("wf");
      for (let attempt = 1; attempt < 3; attempt++) {
        await accepted(fail(scene, held(task)));
        await scene.pass(3_000);
        task = await scene.takeActivity();
      }
      const { nextAttemptTime } = await accepted(fail(scene, held(task)));
      expect(nextAttemptTime).toBeUndefined();
      expect((await scene.history("wf")).slice(4)).toEqual([
        "activityScheduled",
        "activityStarted",
        "activityFailed",
        "workflowTaskScheduled",
      ]);
      expect(await failedEvent(scene)).toMatchObject({
        seq: 1,
        attempts: 3,
        retryState: RetryState.MAXIMUM_ATTEMPTS_REACHED,
        failure: { message: "card declined" },
      });
    },
    "ends it at once for a failure that says it is final": async (scene) => {
      const task = await scene.holdActivity("wf");
      await accepted(fail(scene, held(task), application({ nonRetryable: true })));
      expect(await failedEvent(scene)).toMatchObject({
        attempts: 1,
        retryState: RetryState.NON_RETRYABLE_FAILURE,
      });
    },
    "ends it at once for a type that the policy does not retry": async (scene) => {
      const task = await scene.holdActivity("wf", { retryPolicy: { nonRetryableTypes: ["CardStolen"] } });
      await accepted(fail(scene, held(task), application({ type: "CardStolen" })));
      expect(await failedEvent(scene)).toMatchObject({ retryState: RetryState.NON_RETRYABLE_FAILURE });
    },
    "ends it where the next attempt would come too late": async (scene) => {
      const task = await scene.holdActivity("wf", {
        scheduleToCloseTimeout: seconds(60),
        retryPolicy: { initialInterval: seconds(90) },
      });
      await accepted(fail(scene, held(task)));
      expect(await failedEvent(scene)).toMatchObject({ attempts: 1, retryState: RetryState.TIMEOUT });
    },
    "ends it once it was asked to cancel": async (scene) => {
      const task = await scene.holdActivity("wf");
      await requestCancel(scene);
      await accepted(fail(scene, held(task)));
      expect(await failedEvent(scene)).toMatchObject({ retryState: RetryState.CANCEL_REQUESTED });
    },
    "gives details to the next attempt": async (scene) => {
      const { workers, namespace } = scene;
      const target = held(await scene.holdActivity("wf"));
      const report = { target, failure: { message: "half done" }, heartbeatDetails: json('"row 7"') };
      await accepted(workers.failActivityTasks({ namespace, failures: [report] }));
      await scene.pass(1_200);
      expect((await scene.takeActivity()).heartbeatDetails).toMatchObject(json('"row 7"'));
    },
    "cuts a failure that is larger than 256 KiB": async (scene) => {
      const task = await scene.holdActivity("wf", { retryPolicy: { maximumAttempts: 1 } });
      await accepted(fail(scene, held(task), { stackTrace: "x".repeat(300_000) }));
      expect(await failedEvent(scene)).toMatchObject({
        failure: { message: "card declined", truncated: true },
      });
    },
  },
  repeated: {
    "with the same token, the next attempt is due as before": async (scene) => {
      const task = await scene.holdActivity("wf");
      const { nextAttemptTime } = await accepted(fail(scene, held(task)));
      expect(await accepted(fail(scene, held(task)))).toMatchObject({
        alreadyApplied: true,
        nextAttemptTime,
      });
      await scene.pass(1_200);
      expect(await scene.takeActivity()).toMatchObject({ attempt: 2 });
    },
    "with the same token after the last attempt, nothing is written": async (scene) => {
      const task = await scene.holdActivity("wf", { retryPolicy: { maximumAttempts: 1 } });
      await accepted(fail(scene, held(task)));
      const before = await scene.events("wf");
      expect(await accepted(fail(scene, held(task)))).toMatchObject({ alreadyApplied: true });
      expect(await scene.events("wf")).toEqual(before);
    },
  },
  refused: refusedTargets((scene, target) => fail(scene, target)),
  elsewhere: {
    "neither a token nor a name reaches an activity of another namespace": async (scene) => {
      const task = await scene.holdActivity("wf");
      const other = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(fail(other, held(task)))).toMatchObject({ reason: "INVALID_TOKEN" });
      expect(await refusalOf(fail(other, first))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
    },
  },
  nowhere: async (scene) => ({
    failures: [
      {
        target: held(await scene.holdActivity("wf")),
        failure: { message: "card declined" },
      },
    ],
  }),
  malformed: { request: {}, field: "failures" },
});
