import { expect } from "vitest";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";
import { inAnotherNamespace, makeSchedule, notFound, paused, reused, scheduleOf } from "./definition.js";

const yearly = { ...paused, isPaused: false, spec: { cron: ["@yearly"] } };

export const updateSchedule = operation(ScheduleService.method.updateSchedule, {
  happy: {
    "replaces the definition at the revision that was read": async (scene) => {
      const { revision } = await makeSchedule(scene);
      const { schedules, namespace } = scene;
      await schedules.updateSchedule({ namespace, scheduleId: "s", revision, definition: yearly });
      expect(await scheduleOf(scene)).toMatchObject({
        revision: 2n,
        definition: { spec: { cron: ["@yearly"] } },
      });
    },
  },
  repeated: {
    "with the same request id, it changes nothing": async (scene) => {
      const { revision } = await makeSchedule(scene);
      const { schedules, namespace } = scene;
      const request = { namespace, scheduleId: "s", requestId: "r", revision, definition: yearly };
      const first = await schedules.updateSchedule(request);
      expect(await schedules.updateSchedule(request)).toEqual(first);
    },
  },
  refused: {
    SCHEDULE_NOT_FOUND: notFound(({ schedules }, name) =>
      schedules.updateSchedule({ ...name, revision: 1n, definition: yearly }),
    ),
    REVISION_MISMATCH: {
      "it was changed since": async (scene) => {
        const { revision } = await makeSchedule(scene);
        const { schedules, namespace } = scene;
        const request = { namespace, scheduleId: "s", revision, definition: yearly };
        await schedules.updateSchedule(request);
        return schedules.updateSchedule(request);
      },
    },
    REQUEST_ID_REUSED: reused(({ schedules }, name) =>
      schedules.updateSchedule({ ...name, revision: 1n, definition: yearly }),
    ),
  },
  elsewhere: {
    "it is not there": async (scene) => {
      const error = await inAnotherNamespace(scene, ({ schedules }, name) =>
        schedules.updateSchedule({ ...name, revision: 1n, definition: yearly }),
      );
      expect(String(error)).toContain("there is no schedule");
    },
  },
  nowhere: () => ({ scheduleId: "s", revision: 1n, definition: yearly }),
  malformed: { request: { scheduleId: "s", definition: yearly }, field: "revision" },
});
