/** The command that schedules a timer. */
import type { ScheduleTimerCommand } from "../../../gen/pawl/v1/command_pb.js";
import { appendEvent, putTimer } from "../draft.js";
import { invalidField } from "../refusals.js";
import { addMicros, readMicros, timestampOf } from "../time.js";
import { type CommandScope, checkPendingLimit, takeSeq } from "./scope.js";

/** Schedules a timer. */
export function scheduleTimer(scope: CommandScope, { duration }: ScheduleTimerCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  const seq = takeSeq(scope);
  checkPendingLimit(scope, "timers");
  if (duration === undefined) throw invalidField(`${field}.duration`, "must be given");
  const fireAt = addMicros(draft.now, readMicros(duration, `${field}.duration`));
  const value = { seq, duration, fireTime: timestampOf(fireAt), taskCompletedEventId: completedEventId };
  const scheduledEventId = appendEvent(draft, { case: "timerScheduled", value }, meta);
  putTimer(draft, { seq, scheduledEventId, fireAt });
}
