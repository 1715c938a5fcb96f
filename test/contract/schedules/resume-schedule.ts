import { expect } from "vitest";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";
import { inAnotherNamespace, makeSchedule, notFound, reused, scheduleOf } from "./definition.js";

export const resumeSchedule = operation(ScheduleService.method.resumeSchedule, {
  happy: {
    "it fires from now on": async (scene) => {
      await makeSchedule(scene);
      await scene.pass(600_000);
      const { schedules, namespace } = scene;
      const { schedule } = await schedules.resumeSchedule({ namespace, scheduleId: "s" });
      expect(schedule).toMatchObject({ lastRuns: [], missedCount: 0n, definition: { isPaused: false } });
      await scene.pass(60_000);
      expect((await scheduleOf(scene)).lastRuns).toHaveLength(1);
      await schedules.deleteSchedule({ namespace, scheduleId: "s" });
    },
  },
  repeated: {
    "with the same request id, it changes nothing": async (scene) => {
      await makeSchedule(scene);
      const { schedules, namespace } = scene;
      await schedules.resumeSchedule({ namespace, scheduleId: "s", requestId: "r" });
      const { schedule } = await schedules.pauseSchedule({ namespace, scheduleId: "s" });
      const again = await schedules.resumeSchedule({ namespace, scheduleId: "s", requestId: "r" });
      expect(again.schedule).toEqual(schedule);
    },
  },
  refused: {
    SCHEDULE_NOT_FOUND: notFound(({ schedules }, name) => schedules.resumeSchedule({ ...name })),
    REQUEST_ID_REUSED: reused(({ schedules }, name) => schedules.resumeSchedule({ ...name })),
  },
  elsewhere: {
    "it is not there": async (scene) => {
      const error = await inAnotherNamespace(scene, ({ schedules }, name) =>
        schedules.resumeSchedule({ ...name }),
      );
      expect(String(error)).toContain("there is no schedule");
    },
  },
  nowhere: () => ({ scheduleId: "s" }),
  malformed: { request: {}, field: "schedule_id" },
});
