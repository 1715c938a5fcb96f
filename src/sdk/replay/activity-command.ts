/** The command that schedules an activity. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ScheduleActivityCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { type Duration, toMs } from "../duration.js";
import { encodePayload } from "../payload.js";
import { retryPolicy } from "../retry-policy.js";
import type { ActivityOptions } from "../workflow/options.js";

/** Makes the command; what the options leave out is left to the server. */
export function scheduleActivityCommand(
  activityType: string,
  input: unknown,
  options: ActivityOptions,
): MessageInitShape<typeof ScheduleActivityCommandSchema> {
  return {
    activityType,
    activityId: options.activityId ?? "",
    taskQueue: options.taskQueue ?? "",
    priority: options.priority ?? 0,
    ...withoutUnset({
      input: encodePayload(input),
      startToCloseTimeout: protoDuration(options.startToCloseTimeout),
      scheduleToCloseTimeout: protoDuration(options.scheduleToCloseTimeout),
      scheduleToStartTimeout: protoDuration(options.scheduleToStartTimeout),
      heartbeatTimeout: protoDuration(options.heartbeatTimeout),
      retryPolicy: options.retry && retryPolicy(options.retry),
    }),
  };
}

function protoDuration(duration: Duration | undefined) {
  return duration === undefined ? undefined : durationFromMs(toMs(duration));
}

function withoutUnset<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
