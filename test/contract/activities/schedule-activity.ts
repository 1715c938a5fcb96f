import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { ScheduleActivityCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { operation } from "../contract.js";
import { begin, casesOf, type Direct, exceedPending, requestFor } from "../direct-operation.js";
import { json, seconds } from "../scene.js";

const direct: Direct<MessageInitShape<typeof ScheduleActivityCommandSchema>> = {
  call: ({ workers }, request) => workers.scheduleActivity(request),
  command: { activityType: "charge", input: json("7") },
  other: { activityType: "charge", input: json("8") },
  event: "activityScheduled",
};
const { happy, repeated, refused, elsewhere } = casesOf(direct);

export const scheduleActivity = operation(WorkerService.method.scheduleActivity, {
  happy: {
    ...happy,
    "offers the activity, with the defaults filled in": async (scene) => {
      const scheduled = await scene.workers.scheduleActivity(await begin(scene, direct));
      const { eventId, kind } = await scene.eventOf("activityScheduled", "wf");
      expect(scheduled).toMatchObject({ activityId: "1", scheduledEventId: eventId });
      expect(kind.value).toMatchObject({
        seq: 1,
        activityId: "1",
        activityType: "charge",
        taskQueue: "default",
        input: json("7"),
        startToCloseTimeout: seconds(300),
        retryPolicy: {
          maximumAttempts: 3,
          initialInterval: seconds(1),
          backoffCoefficient: 2,
          maximumInterval: seconds(100),
          jitter: 0.1,
        },
        priority: 3,
      });
      for (const unset of ["scheduleToCloseTimeout", "scheduleToStartTimeout", "heartbeatTimeout"])
        expect(kind.value).not.toHaveProperty(unset);
      expect(await scene.takeActivity()).toMatchObject({
        workflowId: "wf",
        seq: 1,
        activityId: "1",
        activityType: "charge",
        input: json("7"),
        attempt: 1,
      });
    },
    "keeps to the options that are given": async (scene) => {
      const command = {
        activityType: "charge",
        activityId: "mine",
        taskQueue: "payments",
        startToCloseTimeout: seconds(5),
        scheduleToCloseTimeout: seconds(60),
        scheduleToStartTimeout: seconds(30),
        heartbeatTimeout: seconds(2),
        retryPolicy: { maximumAttempts: 0, nonRetryableTypes: ["CardDeclined"] },
        priority: 1,
        header: { fields: { trace: json('"t1"') } },
      };
      const request = { ...(await begin(scene, direct)), command };
      expect(await scene.workers.scheduleActivity(request)).toMatchObject({ activityId: "mine" });
      expect((await scene.eventOf("activityScheduled", "wf")).kind.value).toMatchObject(command);
      const task = await scene.takeActivity({ taskQueue: "payments" });
      const { activityId, heartbeatTimeout, header } = command;
      expect(task).toMatchObject({ activityId, heartbeatTimeout, header });
    },
    "no attempt may last longer than the run": async (scene) => {
      const runId = await scene.start("wf", { runTimeout: seconds(60) });
      await scene.workers.scheduleActivity(await requestFor(scene, direct, runId));
      const { kind } = await scene.eventOf("activityScheduled", "wf");
      expect(kind.value.startToCloseTimeout?.seconds).toBeLessThanOrEqual(60n);
    },
    "its end makes a workflow task": async (scene) => {
      const { workers, namespace } = scene;
      await workers.scheduleActivity(await begin(scene, direct));
      await scene.complete(await scene.takeTask());
      const { taskToken } = await scene.takeActivity();
      await workers.completeActivityTasks({
        namespace,
        completions: [{ target: { case: "taskToken", value: taskToken } }],
      });
      expect((await scene.history("wf")).slice(-3)).toEqual([
        "activityStarted",
        "activityCompleted",
        "workflowTaskScheduled",
      ]);
    },
  },
  repeated,
  refused: {
    ...refused,
    PENDING_LIMIT: { "the run has as many activities as it may": (scene) => exceedPending(scene, direct) },
  },
  elsewhere,
  nowhere: () => ({ workflowId: "wf", seq: 1, command: direct.command }),
  malformed: { request: { workflowId: "wf", seq: 1, command: {} }, field: "command.activity_type" },
});
