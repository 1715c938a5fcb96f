import { expect } from "vitest";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { operation } from "../contract.js";
import { makeSchedule, paused } from "./definition.js";

export const listSchedules = operation(ScheduleService.method.listSchedules, {
  happy: {
    "lists them by id, in pages": async ({ schedules, namespace }) => {
      for (const scheduleId of ["b", "a", "c"])
        await schedules.createSchedule({ namespace, scheduleId, definition: paused });
      const first = await schedules.listSchedules({ namespace, pageSize: 2 });
      const pageToken = first.nextPageToken;
      const second = await schedules.listSchedules({ namespace, pageSize: 2, pageToken });
      const pages = [first, second].map((page) => page.schedules.map(({ scheduleId }) => scheduleId));
      expect([pages, second.nextPageToken]).toEqual([[["a", "b"], ["c"]], ""]);
    },
  },
  repeated: {
    "it reads the same": async (scene) => {
      await makeSchedule(scene);
      const { schedules, namespace } = scene;
      expect(await schedules.listSchedules({ namespace })).toEqual(
        await schedules.listSchedules({ namespace }),
      );
    },
  },
  refused: {
    INVALID_PAGE_TOKEN: {
      "the token is malformed": ({ schedules, namespace }) =>
        schedules.listSchedules({ namespace, pageToken: "x" }),
    },
  },
  elsewhere: {
    "there are none": async (scene) => {
      await makeSchedule(scene);
      const namespace = await scene.makeNamespace();
      expect((await scene.schedules.listSchedules({ namespace })).schedules).toEqual([]);
    },
  },
  nowhere: () => ({}),
  malformed: { request: { pageSize: -1 }, field: "page_size" },
});
