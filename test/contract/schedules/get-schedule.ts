import { expect } from "vitest";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";
import { inAnotherNamespace, makeSchedule, minutely, notFound, scheduleOf } from "./definition.js";

export const getSchedule = operation(ScheduleService.method.getSchedule, {
  happy: {
    "tells its next fires, its last runs and where they stand, and its counts": async (scene) => {
      const { definition, nextFireTimes } = await makeSchedule(scene, {
        ...minutely,
        spec: { cron: ["@yearly"] },
      });
      const { schedules, namespace } = scene;
      const { run } = await schedules.triggerSchedule({ namespace, scheduleId: "s" });
      await schedules.triggerSchedule({ namespace, scheduleId: "s" });
      expect(nextFireTimes).toHaveLength(10);
      expect(await scheduleOf(scene)).toMatchObject({
        definition,
        nextFireTimes,
        lastRuns: [run],
        skippedCount: 1n,
      });
    },
  },
  repeated: {
    "it reads the same": async (scene) => {
      await makeSchedule(scene);
      expect(await scheduleOf(scene)).toEqual(await scheduleOf(scene));
    },
  },
  refused: { SCHEDULE_NOT_FOUND: notFound(({ schedules }, name) => schedules.getSchedule(name)) },
  elsewhere: {
    "it is not there": async (scene) => {
      const error = await inAnotherNamespace(scene, ({ schedules }, name) => schedules.getSchedule(name));
      expect(String(error)).toContain("there is no schedule");
    },
  },
  nowhere: () => ({ scheduleId: "s" }),
  malformed: { request: {}, field: "schedule_id" },
});
