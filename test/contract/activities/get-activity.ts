import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import { TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
import type { ActivityCompletionSchema } from "../../../gen/pawl/v1/task_pb.js";
import {
  ActivityStatus,
  type GetActivityResponse,
  WorkerService,
} from "../../../gen/pawl/v1/worker_service_pb.js";
import { PendingTaskState } from "../../../gen/pawl/v1/workflow_pb.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { refusalOf } from "../refusal.js";
import { json, type Scene, seconds } from "../scene.js";

const bySeq = (value: number) => ({ workflowId: "wf", activity: { case: "seq" as const, value } });
const byId = (value: string) => ({ workflowId: "wf", activity: { case: "activityId" as const, value } });

/** Lets the run "wf" schedule the activity "mine", with seq 1. */
async function schedule(scene: Scene, options: object = {}): Promise<void> {
  const { workers, namespace } = scene;
  await scene.start("wf");
  const command = { activityType: "charge", activityId: "mine", ...options };
  await workers.scheduleActivity({ namespace, workflowId: "wf", seq: 1, command });
}

function get({ workers, namespace }: Scene): Promise<GetActivityResponse> {
  return workers.getActivity({ namespace, activity: bySeq(1) });
}

type Completion = Omit<
  Exclude<MessageInitShape<typeof ActivityCompletionSchema>, { $typeName: string }>,
  "$typeName"
>;

/** Takes the activity and ends it. */
async function end(scene: Scene, completion: Completion): Promise<void> {
  const { workers, namespace } = scene;
  const { taskToken } = await scene.takeActivity();
  const target = { case: "taskToken" as const, value: taskToken };
  await workers.completeActivityTasks({ namespace, completions: [{ target, ...completion }] });
}

const completed: Completion = { outcome: { case: "result", value: json("42") } };
const failed: Completion = { outcome: { case: "failed", value: { message: "declined" } } };
const cancelled = {
  status: ActivityStatus.CANCELLED,
  outcome: { case: "failure", value: { kind: { case: "cancelled" } } },
};

export const getActivity = operation(WorkerService.method.getActivity, {
  happy: {
    "tells of one that waits for a worker": async (scene) => {
      await schedule(scene);
      expect(await get(scene)).toMatchObject({
        status: ActivityStatus.PENDING,
        pending: {
          seq: 1,
          activityId: "mine",
          activityType: "charge",
          state: PendingTaskState.SCHEDULED,
          scheduledEventId: 5,
          attempt: 1,
          maximumAttempts: 3,
        },
        outcome: { case: undefined },
      });
    },
    "tells of one that a worker has": async (scene) => {
      await schedule(scene);
      await scene.takeActivity({ identity: "till" });
      expect(await get(scene)).toMatchObject({
        status: ActivityStatus.RUNNING,
        pending: { state: PendingTaskState.STARTED, attempt: 1, identity: "till" },
      });
    },
    "tells of one that has failed and is tried again later": async (scene) => {
      const { workers, namespace } = scene;
      await schedule(scene);
      const { taskToken } = await scene.takeActivity();
      const target = { case: "taskToken" as const, value: taskToken };
      const failure = { message: "broken" };
      await workers.failActivityTasks({ namespace, failures: [{ target, failure }] });
      expect(await get(scene)).toMatchObject({
        status: ActivityStatus.PENDING,
        pending: { state: PendingTaskState.BACKING_OFF, attempt: 2, lastFailure: failure },
      });
    },
    "tells the result of one that was completed, and leaves history alone": async (scene) => {
      await schedule(scene);
      await end(scene, completed);
      const before = await scene.history("wf");
      const ended = await get(scene);
      expect(ended).toMatchObject({ status: ActivityStatus.COMPLETED, ...completed });
      expect(ended).not.toHaveProperty("pending");
      expect(await scene.history("wf")).toEqual(before);
    },
    "tells the failure of one that has failed for good": async (scene) => {
      await schedule(scene);
      await end(scene, failed);
      expect(await get(scene)).toMatchObject({
        status: ActivityStatus.FAILED,
        outcome: { case: "failure", value: { message: "declined" } },
      });
    },
    "tells which time was over of one that has timed out": async (scene) => {
      await schedule(scene, { startToCloseTimeout: seconds(5), retryPolicy: { maximumAttempts: 1 } });
      await scene.takeActivity();
      await scene.pass(6_000);
      const kind = { case: "timeout" as const, value: { kind: TimeoutKind.START_TO_CLOSE } };
      expect(await get(scene)).toMatchObject({
        status: ActivityStatus.TIMED_OUT,
        outcome: { case: "failure", value: { source: "server", kind } },
      });
    },
    "tells of one that was cancelled": async (scene) => {
      const { workflows, namespace } = scene;
      await schedule(scene);
      await workflows.cancelWorkflow({ namespace, workflowId: "wf", cancelPending: true });
      expect(await get(scene)).toMatchObject(cancelled);
    },
    "takes one for cancelled whose run closed before it ended": async (scene) => {
      const { workflows, namespace } = scene;
      await schedule(scene);
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      expect(await get(scene)).toMatchObject(cancelled);
    },
    "finds it by its id, in the run that is named": async (scene) => {
      const { workers, namespace } = scene;
      await schedule(scene);
      const activity = { ...byId("mine"), runId: await scene.runIdOf("wf") };
      expect((await workers.getActivity({ namespace, activity })).pending?.seq).toBe(1);
      await end(scene, completed);
      expect(await workers.getActivity({ namespace, activity })).toMatchObject(completed);
    },
    "waits until it has ended": async (scene) => {
      const { workers, namespace } = scene;
      await schedule(scene);
      const waiting = workers.getActivity({ namespace, activity: bySeq(1), wait: seconds(20) });
      await end(scene, completed);
      expect(await waiting).toMatchObject({ status: ActivityStatus.COMPLETED, ...completed });
    },
    "ends its wait with the pending activity": async (scene) => {
      const { workers, namespace } = scene;
      await schedule(scene);
      const wait = { nanos: 20_000_000 };
      const { status, pending } = await workers.getActivity({ namespace, activity: bySeq(1), wait });
      expect([status, pending?.seq]).toEqual([ActivityStatus.PENDING, 1]);
    },
  },
  repeated: {
    "reads the same": async (scene) => {
      await schedule(scene);
      await end(scene, completed);
      expect(await get(scene)).toEqual(await get(scene));
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => get(scene),
      "the workflow has no such run": async (scene) => {
        const { workers, namespace } = scene;
        await schedule(scene);
        return workers.getActivity({ namespace, activity: { ...bySeq(1), runId: crypto.randomUUID() } });
      },
    },
    RUN_DELETED: {
      "the run is deleted while the end is waited for": async (scene) => {
        await schedule(scene);
        const deleting = onAnswer("load_workflows", () => scene.remove("wf"));
        return scene.atServer(deleting, ({ workers }) =>
          workers.getActivity({ namespace: scene.namespace, activity: bySeq(1), wait: seconds(20) }),
        );
      },
    },
    ACTIVITY_NOT_FOUND: {
      "the run has no activity with the seq": async (scene) => {
        await schedule(scene);
        return scene.workers.getActivity({ namespace: scene.namespace, activity: bySeq(2) });
      },
      "the run has no activity with the id": async (scene) => {
        await schedule(scene);
        return scene.workers.getActivity({ namespace: scene.namespace, activity: byId("yours") });
      },
    },
  },
  elsewhere: {
    "in another namespace there is no such workflow": async (scene) => {
      await schedule(scene);
      const call = get({ ...scene, namespace: await scene.makeNamespace() });
      expect(await refusalOf(call)).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
    },
  },
  nowhere: () => ({ activity: bySeq(1) }),
  malformed: { request: { activity: { workflowId: "wf" } }, field: "activity" },
});
