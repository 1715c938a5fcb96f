/** The schedules that are measured. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ScheduleSpecSchema } from "../../gen/pawl/v1/schedule_pb.js";
import { ScheduleService } from "../../gen/pawl/v1/schedule_service_pb.js";
import { inParallel } from "../in-parallel.js";
import type { Call } from "../rpc.js";
import { emptyWorkflowType, payloadOf, taskQueue } from "../workloads.js";

/** When a schedule fires. */
export type Spec = MessageInitShape<typeof ScheduleSpecSchema>;

const callsAtOnce = 64;

/** Creates so many schedules, whose spec depends on their index. Answers their ids. */
export async function createSchedules(
  call: Call,
  { prefix, count, specOf }: { readonly prefix: string; readonly count: number; specOf(index: number): Spec },
): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  await inParallel([...ids.entries()], callsAtOnce, ([index, scheduleId]) =>
    call(ScheduleService.method.createSchedule, {
      scheduleId,
      definition: {
        spec: specOf(index),
        workflow: { workflowType: emptyWorkflowType, taskQueue, input: payloadOf(scheduleId, 0) },
      },
    }),
  );
  return ids;
}

/** Deletes schedules. */
export async function deleteSchedules(call: Call, ids: readonly string[]): Promise<void> {
  await inParallel(ids, callsAtOnce, (scheduleId) =>
    call(ScheduleService.method.deleteSchedule, { scheduleId }),
  );
}

/** The next ten fires of each schedule, in milliseconds, by its id. */
export async function nextFires(
  call: Call,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const times = await inParallel(ids, callsAtOnce, async (scheduleId) => {
    const { schedule } = await call(ScheduleService.method.getSchedule, { scheduleId });
    return (schedule?.nextFireTimes ?? []).map(
      ({ seconds, nanos }) => Number(seconds) * 1_000 + nanos / 1_000_000,
    );
  });
  return new Map(ids.map((id, index) => [id, times[index] ?? []]));
}
