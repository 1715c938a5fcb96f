import { expect } from "vitest";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";
import { inAnotherNamespace, makeSchedule, minutely, notFound, reused, scheduleOf } from "./definition.js";

export const pauseSchedule = operation(ScheduleService.method.pauseSchedule, {
  happy: {
    "it fires no more, but when it is triggered": async (scene) => {
      await makeSchedule(scene, minutely);
      const { schedules, namespace } = scene;
      await schedules.pauseSchedule({ namespace, scheduleId: "s", note: "repairs" });
      await scene.pass(60_000);
      expect(await scheduleOf(scene)).toMatchObject({
        ...{ lastRuns: [], nextFireTimes: [], missedCount: 0n, revision: 2n },
        definition: { isPaused: true, note: "repairs" },
      });
    },
  },
  repeated: {
    "it changes nothing": async (scene) => {
      await makeSchedule(scene, minutely);
      const { schedules, namespace } = scene;
      const first = await schedules.pauseSchedule({ namespace, scheduleId: "s", requestId: "r" });
      expect(await schedules.pauseSchedule({ namespace, scheduleId: "s", requestId: "r" })).toEqual(first);
      expect(await schedules.pauseSchedule({ namespace, scheduleId: "s" })).toEqual(first);
    },
  },
  refused: {
    SCHEDULE_NOT_FOUND: notFound(({ schedules }, name) => schedules.pauseSchedule({ ...name })),
    REQUEST_ID_REUSED: reused(({ schedules }, name) => schedules.pauseSchedule({ ...name })),
  },
  elsewhere: {
    "it is not there": async (scene) => {
      const error = await inAnotherNamespace(scene, ({ schedules }, name) =>
        schedules.pauseSchedule({ ...name }),
      );
      expect(String(error)).toContain("there is no schedule");
    },
  },
  nowhere: () => ({ scheduleId: "s" }),
  malformed: { request: {}, field: "schedule_id" },
});
