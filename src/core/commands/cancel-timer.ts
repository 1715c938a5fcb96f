/** The command that cancels a timer. */
import type { CancelTimerCommand } from "../../../gen/pawl/v1/command_pb.js";
import { appendEvent, removeTimer } from "../draft.js";
import { invalidField } from "../refusals.js";
import type { CommandScope } from "./scope.js";

/** Cancels a timer; nothing happens if it has fired or was cancelled. */
export function cancelTimer(scope: CommandScope, { timerSeq }: CancelTimerCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  if (timerSeq < 1 || timerSeq > draft.run.lastSeq) {
    throw invalidField(`${field}.timer_seq`, `${timerSeq} is not the seq of a timer of this run`);
  }
  const timer = draft.run.timers.get(timerSeq);
  if (timer === undefined) return;
  const { seq, scheduledEventId } = timer;
  const value = { seq, scheduledEventId, taskCompletedEventId: completedEventId };
  appendEvent(draft, { case: "timerCancelled", value }, meta);
  removeTimer(draft, seq);
}
