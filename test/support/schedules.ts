/** What callers ask of schedules in tests, in as few words as it takes. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ScheduleDefinitionSchema, ScheduleRun } from "../../gen/pawl/v1/schedule_pb.js";
import * as sc from "../../gen/pawl/v1/schedule_service_pb.js";
import { type Actor, completeWorkflow } from "./actor.js";
import { callOf, type TestCluster, type TestServer } from "./engine.js";
import { openScene, type Scene } from "./scene.js";
import { until } from "./until.js";

type Init<T extends Parameters<typeof create>[0]> = MessageInitShape<T>;
type Definition = Init<typeof ScheduleDefinitionSchema>;

/** Somebody who uses the schedules of one namespace of one server. */
export type Scheduler = ReturnType<typeof scheduler>;

/** A user of schedules; workflow type and queue are the same for all. */
export function scheduler({ operations }: TestServer, namespace: string) {
  const of = (scheduleId: string) => ({ namespace, scheduleId });
  return {
    create: async (scheduleId: string, definition: Definition, requestId = "") =>
      shown(
        sc.CreateScheduleResponseSchema,
        await operations.createSchedule(
          create(sc.CreateScheduleRequestSchema, { ...of(scheduleId), requestId, definition }),
          callOf(),
        ),
      ),
    get: async (scheduleId: string) =>
      shown(
        sc.GetScheduleResponseSchema,
        await operations.getSchedule(create(sc.GetScheduleRequestSchema, of(scheduleId)), callOf()),
      ),
    async runs(scheduleId = "s"): Promise<ScheduleRun[]> {
      return (await this.get(scheduleId)).lastRuns;
    },
    list: async (pageSize = 100, pageToken = "") =>
      create(
        sc.ListSchedulesResponseSchema,
        await operations.listSchedules(
          create(sc.ListSchedulesRequestSchema, { namespace, pageSize, pageToken }),
          callOf(),
        ),
      ),
    update: async (scheduleId: string, revision: bigint, definition: Definition, requestId = "") =>
      shown(
        sc.UpdateScheduleResponseSchema,
        await operations.updateSchedule(
          create(sc.UpdateScheduleRequestSchema, { ...of(scheduleId), revision, definition, requestId }),
          callOf(),
        ),
      ),
    pause: async (scheduleId: string, rest: Init<typeof sc.PauseScheduleRequestSchema> = {}) =>
      shown(
        sc.PauseScheduleResponseSchema,
        await operations.pauseSchedule(
          create(sc.PauseScheduleRequestSchema, { ...of(scheduleId), ...rest } as typeof rest),
          callOf(),
        ),
      ),
    resume: async (scheduleId: string, rest: Init<typeof sc.ResumeScheduleRequestSchema> = {}) =>
      shown(
        sc.ResumeScheduleResponseSchema,
        await operations.resumeSchedule(
          create(sc.ResumeScheduleRequestSchema, { ...of(scheduleId), ...rest } as typeof rest),
          callOf(),
        ),
      ),
    delete: (scheduleId: string, requestId = "") =>
      operations.deleteSchedule(
        create(sc.DeleteScheduleRequestSchema, { ...of(scheduleId), requestId }),
        callOf(),
      ),
    trigger: async (scheduleId: string, rest: Init<typeof sc.TriggerScheduleRequestSchema> = {}) =>
      create(
        sc.TriggerScheduleResponseSchema,
        await operations.triggerSchedule(
          create(sc.TriggerScheduleRequestSchema, { ...of(scheduleId), ...rest } as typeof rest),
          callOf(),
        ),
      ).run,
    backfill: async (
      scheduleId: string,
      from: number,
      to: number,
      rest: Init<typeof sc.BackfillScheduleRequestSchema> = {},
    ) => {
      const range = { fromTime: timestampFromMs(from), toTime: timestampFromMs(to) };
      const request = { ...of(scheduleId), ...range, ...rest } as typeof rest;
      return (await operations.backfillSchedule(create(sc.BackfillScheduleRequestSchema, request), callOf()))
        .fires;
    },
    preview: async (rest: Init<typeof sc.PreviewScheduleRequestSchema>) =>
      create(
        sc.PreviewScheduleResponseSchema,
        await operations.previewSchedule(create(sc.PreviewScheduleRequestSchema, rest), callOf()),
      ).fireTimes,
  };
}

/** What schedules of tests start. */
export const workflow = { workflowId: "report", workflowType: "order", taskQueue: "default" };
/** Fires every minute. */
export const minutely = { spec: { cron: ["* * * * *"] }, workflow };
/** In milliseconds. */
export const minute = 60_000;

/** How little a server may be sure of the database's time, in milliseconds: what a call makes due at once, it takes to be due so much later. */
const uncertainMs = 100;

/** Lets time pass, and a server fire all that is due. */
export async function firePast({ moveTime }: TestCluster, { upkeep }: TestServer, ms: number): Promise<void> {
  moveTime(ms);
  for (;;) {
    const waitMs = await upkeep.fireSchedules();
    if (waitMs >= uncertainMs) return;
    moveTime(waitMs);
  }
}

/** Ends a run with a result, as a worker would. */
export async function finishRun(worker: Actor, run: ScheduleRun | undefined): Promise<void> {
  await until("its task is there", async () => {
    const [task] = await worker.poll();
    if (task !== undefined) await worker.complete(task, [completeWorkflow]);
    return task?.workflowId === run?.workflowId;
  });
}

/** Moves the clock to ten seconds past a minute, so that no minute ends on the way from one call to the next. */
export async function alignToMinute({ moveTime }: TestCluster, server: TestServer): Promise<void> {
  const [next] = await scheduler(server, "").preview({ spec: { cron: ["* * * * * *"] }, count: 1 });
  moveTime((70 - (Number(next?.seconds) % 60)) * 1_000);
}

/** A scene with a user of schedules, ten seconds past a minute. */
export async function openScheduleScene(): Promise<Scene & { readonly its: Scheduler }> {
  const scene = await openScene();
  const { cluster, server, namespace } = scene;
  await alignToMinute(cluster, server);
  return { ...scene, its: scheduler(server, namespace) };
}

type Shown = Parameters<typeof create>[0];

/** The schedule of a response. */
function shown<T extends Shown>(schema: T, response: Init<T>) {
  const { schedule } = create(sc.GetScheduleResponseSchema, create(schema, response) as object);
  if (schedule === undefined) throw new Error("no schedule was answered");
  return schedule;
}
