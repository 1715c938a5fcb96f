import { expect } from "vitest";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";
import { makeSchedule, minutely, paused, scheduleOf } from "./definition.js";

export const createSchedule = operation(ScheduleService.method.createSchedule, {
  happy: {
    "it fires at the next matching time, and not at creation": async (scene) => {
      const { nextFireTimes, lastRuns, revision } = await makeSchedule(scene, minutely);
      expect([lastRuns, revision]).toEqual([[], 1n]);
      await scene.pass(60_000);
      const { lastRuns: runs } = await scheduleOf(scene);
      expect(runs.map(({ scheduledTime }) => scheduledTime)).toEqual([nextFireTimes[0]]);
      expect(await scene.history(runs[0]?.workflowId ?? "")).toEqual([
        "workflowStarted",
        "workflowTaskScheduled",
      ]);
      await scene.schedules.deleteSchedule({ namespace: scene.namespace, scheduleId: "s" });
    },
  },
  repeated: {
    "with the same request id, the schedule is the same": async ({ schedules, namespace }) => {
      const request = { namespace, scheduleId: "s", requestId: "r", definition: paused };
      const first = await schedules.createSchedule(request);
      expect(await schedules.createSchedule(request)).toEqual(first);
    },
  },
  refused: {
    SCHEDULE_EXISTS: {
      "there is one of this id": async (scene) => {
        await makeSchedule(scene);
        return makeSchedule(scene);
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used for another schedule": async ({ schedules, namespace }) => {
        await schedules.createSchedule({ namespace, scheduleId: "s", requestId: "r", definition: paused });
        return schedules.createSchedule({ namespace, scheduleId: "t", requestId: "r", definition: paused });
      },
    },
  },
  elsewhere: {
    "the same id may be used": async (scene) => {
      await makeSchedule(scene);
      const namespace = await scene.makeNamespace();
      await scene.schedules.createSchedule({ namespace, scheduleId: "s", definition: paused });
    },
  },
  nowhere: () => ({ scheduleId: "s", definition: paused }),
  malformed: {
    request: { scheduleId: "s", definition: { ...paused, spec: { cron: ["* * *"] } } },
    field: "definition.spec.cron[0]",
  },
});
