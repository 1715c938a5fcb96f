/** A schedule that cases use, and what every call on one is refused for. */
import type { ScheduleDefinitionSchema } from "../../../gen/pawl/v1/schedule_pb.js";
import { alignToMinute } from "../../support/schedules.js";
import type { RefusedCalls } from "../contract.js";
import { type Init, type Scene, workflowType } from "../scene.js";

type DefinitionInit = Init<typeof ScheduleDefinitionSchema>;

/** Fires every minute. */
export const minutely = { spec: { cron: ["* * * * *"] }, workflow: { workflowId: "report", workflowType } };
/** Fires only when it is told to. */
export const paused = { ...minutely, isPaused: true };

/** Makes the schedule "s". */
export async function makeSchedule(
  { schedules, namespace, house }: Scene,
  definition: DefinitionInit = paused,
) {
  await alignToMinute(house.cluster, house.main.server);
  const { schedule } = await schedules.createSchedule({ namespace, scheduleId: "s", definition });
  if (schedule === undefined) throw new Error("no schedule was made");
  return schedule;
}

/** The schedule "s". */
export async function scheduleOf({ schedules, namespace }: Scene) {
  const { schedule } = await schedules.getSchedule({ namespace, scheduleId: "s" });
  if (schedule === undefined) throw new Error("no schedule was answered");
  return schedule;
}

interface Named {
  readonly namespace: string;
  readonly scheduleId: string;
}

type Call = (scene: Scene, name: Named) => Promise<unknown>;

/** There is none of this id. */
export function notFound(call: Call): RefusedCalls {
  return {
    "there is no schedule of this id": (scene) =>
      call(scene, { namespace: scene.namespace, scheduleId: "none" }),
  };
}

/** The request id was used for the creation of the schedule. */
export function reused(
  call: (scene: Scene, name: Named & { readonly requestId: string }) => Promise<unknown>,
): RefusedCalls {
  return {
    "the request id was used for another call": async (scene) => {
      const { schedules, namespace } = scene;
      const name = { namespace, scheduleId: "s", requestId: "r" };
      await schedules.createSchedule({ ...name, definition: paused });
      return call(scene, name);
    },
  };
}

/** In another namespace there is none of this id; what comes of the call there. */
export async function inAnotherNamespace(scene: Scene, call: Call): Promise<unknown> {
  await makeSchedule(scene);
  const namespace = await scene.makeNamespace();
  return call(scene, { namespace, scheduleId: "s" }).catch((error: unknown) => error);
}
