import { expect } from "vitest";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";
import { inAnotherNamespace, makeSchedule, notFound, reused, scheduleOf } from "./definition.js";

export const deleteSchedule = operation(ScheduleService.method.deleteSchedule, {
  happy: {
    "it is gone, and its runs go on": async (scene) => {
      await makeSchedule(scene);
      const { schedules, namespace, workflows } = scene;
      const { run } = await schedules.triggerSchedule({ namespace, scheduleId: "s" });
      await schedules.deleteSchedule({ namespace, scheduleId: "s" });
      await expect(scheduleOf(scene)).rejects.toThrow("there is no schedule");
      const { outcome } = await workflows.getWorkflow({ namespace, workflowId: run?.workflowId ?? "" });
      expect(outcome).toBeUndefined();
    },
  },
  repeated: {
    "with the same request id, it is as it was": async (scene) => {
      await makeSchedule(scene);
      const { schedules, namespace } = scene;
      await schedules.deleteSchedule({ namespace, scheduleId: "s", requestId: "r" });
      await schedules.deleteSchedule({ namespace, scheduleId: "s", requestId: "r" });
    },
  },
  refused: {
    SCHEDULE_NOT_FOUND: notFound(({ schedules }, name) => schedules.deleteSchedule({ ...name })),
    REQUEST_ID_REUSED: reused(({ schedules }, name) => schedules.deleteSchedule({ ...name })),
  },
  elsewhere: {
    "it is not there": async (scene) => {
      const error = await inAnotherNamespace(scene, ({ schedules }, name) =>
        schedules.deleteSchedule({ ...name }),
      );
      expect(String(error)).toContain("there is no schedule");
    },
  },
  nowhere: () => ({ scheduleId: "s" }),
  malformed: { request: {}, field: "schedule_id" },
});
