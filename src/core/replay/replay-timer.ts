/** What history tells of timers. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { microsOf } from "../time.js";
import type { Replay } from "./replay.js";

/** Goes through an event that may be of a timer. */
export function replayTimer({ timers }: Replay, { eventId, kind }: HistoryEvent): void {
  switch (kind.case) {
    case "timerScheduled": {
      const { seq, fireTime } = kind.value;
      timers.set(seq, { seq, scheduledEventId: eventId, fireAt: microsOf(fireTime) });
      return;
    }
    case "timerFired":
    case "timerCancelled":
      timers.delete(kind.value.seq);
      return;
    default:
      return;
  }
}
