import { expect } from "vitest";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";
import { inAnotherNamespace, makeSchedule, notFound, reused, scheduleOf } from "./definition.js";

const at = (seconds: number) => ({ seconds: BigInt(seconds) });
const range = { fromTime: at(0), toTime: at(180) };

export const backfillSchedule = operation(ScheduleService.method.backfillSchedule, {
  happy: {
    "it fires for each time of the range": async (scene) => {
      await makeSchedule(scene);
      const { schedules, namespace } = scene;
      const { fires } = await schedules.backfillSchedule({ namespace, scheduleId: "s", ...range });
      await scene.pass(0);
      const { lastRuns } = await scheduleOf(scene);
      const times = lastRuns.map(({ scheduledTime }) => Number(scheduledTime?.seconds));
      expect([fires, times]).toEqual([3, [120, 60, 0]]);
    },
  },
  repeated: {
    "times that have fired are skipped": async (scene) => {
      await makeSchedule(scene);
      const { schedules, namespace } = scene;
      const request = { namespace, scheduleId: "s", ...range };
      await schedules.backfillSchedule({ ...request, requestId: "r" });
      expect(await schedules.backfillSchedule({ ...request, requestId: "r" })).toMatchObject({ fires: 3 });
      await scene.pass(0);
      expect(await scheduleOf(scene)).toMatchObject({ skippedCount: 0n, lastRuns: [{}, {}, {}] });
      await schedules.backfillSchedule(request);
      await scene.pass(0);
      expect(await scheduleOf(scene)).toMatchObject({ skippedCount: 3n, lastRuns: [{}, {}, {}] });
    },
  },
  refused: {
    SCHEDULE_NOT_FOUND: notFound(({ schedules }, name) => schedules.backfillSchedule({ ...name, ...range })),
    CALL_LIMIT: {
      "the range has more than 1,000 fires": async (scene) => {
        await makeSchedule(scene);
        const { schedules, namespace } = scene;
        const toTime = at(1_001 * 60);
        return schedules.backfillSchedule({ namespace, scheduleId: "s", fromTime: at(0), toTime });
      },
    },
    REQUEST_ID_REUSED: reused(({ schedules }, name) => schedules.backfillSchedule({ ...name, ...range })),
  },
  elsewhere: {
    "it is not there": async (scene) => {
      const error = await inAnotherNamespace(scene, ({ schedules }, name) =>
        schedules.backfillSchedule({ ...name, ...range }),
      );
      expect(String(error)).toContain("there is no schedule");
    },
  },
  nowhere: () => ({ scheduleId: "s", ...range }),
  malformed: { request: {}, field: "schedule_id" },
});
