import { expect } from "vitest";
import { OverlapPolicy } from "../../../gen/pawl/v1/schedule_pb.js";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";
import { inAnotherNamespace, makeSchedule, notFound, reused, scheduleOf } from "./definition.js";

export const triggerSchedule = operation(ScheduleService.method.triggerSchedule, {
  happy: {
    "it fires now, as its run says": async (scene) => {
      await makeSchedule(scene);
      const { schedules, namespace } = scene;
      const { run } = await schedules.triggerSchedule({ namespace, scheduleId: "s" });
      const started = await scene.eventOf("workflowStarted", run?.workflowId ?? "");
      expect(started.kind.value).toMatchObject({ scheduleId: "s", scheduledTime: run?.scheduledTime });
    },
    "it starts none while one is open, unless it is told to": async (scene) => {
      await makeSchedule(scene);
      const { schedules, namespace } = scene;
      await schedules.triggerSchedule({ namespace, scheduleId: "s" });
      expect((await schedules.triggerSchedule({ namespace, scheduleId: "s" })).run).toBeUndefined();
      const overlapPolicy = OverlapPolicy.ALLOW_ALL;
      expect(
        (await schedules.triggerSchedule({ namespace, scheduleId: "s", overlapPolicy })).run,
      ).toBeDefined();
      expect(await scheduleOf(scene)).toMatchObject({ skippedCount: 1n, lastRuns: [{}, {}] });
    },
  },
  repeated: {
    "with the same request id, the run is the same": async (scene) => {
      await makeSchedule(scene);
      const { schedules, namespace } = scene;
      const first = await schedules.triggerSchedule({ namespace, scheduleId: "s", requestId: "r" });
      expect(await schedules.triggerSchedule({ namespace, scheduleId: "s", requestId: "r" })).toEqual(first);
    },
  },
  refused: {
    SCHEDULE_NOT_FOUND: notFound(({ schedules }, name) => schedules.triggerSchedule({ ...name })),
    REQUEST_ID_REUSED: reused(({ schedules }, name) => schedules.triggerSchedule({ ...name })),
  },
  elsewhere: {
    "it is not there": async (scene) => {
      const error = await inAnotherNamespace(scene, ({ schedules }, name) =>
        schedules.triggerSchedule({ ...name }),
      );
      expect(String(error)).toContain("there is no schedule");
    },
  },
  nowhere: () => ({ scheduleId: "s" }),
  malformed: { request: {}, field: "schedule_id" },
});
