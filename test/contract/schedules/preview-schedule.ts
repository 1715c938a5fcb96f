import { expect } from "vitest";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";

const fromTime = { seconds: 0n };

export const previewSchedule = operation(ScheduleService.method.previewSchedule, {
  happy: {
    "tells the next times of a spec": async ({ schedules }) => {
      const spec = { cron: ["0 12 * * *"], timeZone: "America/New_York" };
      const { fireTimes } = await schedules.previewSchedule({ spec, fromTime, count: 2 });
      expect(fireTimes.map(({ seconds }) => Number(seconds))).toEqual([17 * 3_600, 41 * 3_600]);
    },
    "tells 10 from now on where nothing else is said, and fewer if the spec ends": async ({ schedules }) => {
      const spec = { intervals: [{ every: { seconds: 60n } }] };
      expect((await schedules.previewSchedule({ spec })).fireTimes).toHaveLength(10);
      const ending = { ...spec, endTime: { seconds: 120n } };
      expect((await schedules.previewSchedule({ spec: ending, fromTime })).fireTimes).toHaveLength(2);
    },
  },
  repeated: {
    "it reads the same": async ({ schedules }) => {
      const request = { spec: { cron: ["@hourly"] }, fromTime };
      expect(await schedules.previewSchedule(request)).toEqual(await schedules.previewSchedule(request));
    },
  },
  refused: {},
  elsewhere: {
    "it is of no namespace, and stores nothing": async ({ schedules, namespace }) => {
      await schedules.previewSchedule({ spec: { cron: ["@hourly"] } });
      expect((await schedules.listSchedules({ namespace })).schedules).toEqual([]);
    },
  },
  malformed: { request: { spec: {} }, field: "spec" },
});
