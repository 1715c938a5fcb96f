/** What a history says of activities and timers. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { Reading } from "./read-history.js";
import { rule } from "./rule.js";

/** Reads an event that may be of an activity or a timer. */
export function readPending(
  read: Reading,
  { eventId, kind }: Pick<HistoryEvent, "eventId" | "kind">,
  time: number,
): void {
  switch (kind.case) {
    case "activityScheduled":
      read.activities.set(kind.value.seq, eventId);
      return;
    case "activityStarted":
      read.starts.set(eventId, kind.value.scheduledEventId);
      return;
    case "activityCancelRequested":
      rule(
        read.activities.get(kind.value.seq) === kind.value.scheduledEventId,
        `event ${eventId}: no such activity`,
      );
      checkCause(read, eventId, kind.value);
      read.cancelRequests.set(eventId, kind.value.seq);
      return;
    case "activityCompleted":
    case "activityFailed":
    case "activityTimedOut":
    case "activityCancelled": {
      const { seq, scheduledEventId, startedEventId } = kind.value;
      rule(
        read.activities.get(seq) === scheduledEventId,
        `event ${eventId} ends an activity that is not pending`,
      );
      if (kind.case === "activityCompleted" || kind.case === "activityFailed" || startedEventId > 0) {
        rule(
          read.starts.get(startedEventId) === scheduledEventId,
          `event ${eventId} refers to another start`,
        );
      }
      if (kind.case === "activityCancelled") {
        const requested = read.cancelRequests.get(kind.value.cancelRequestedEventId);
        rule(requested === seq, `event ${eventId} refers to no cancel request`);
      }
      read.activities.delete(seq);
      read.lastNews = eventId;
      return;
    }
    case "timerScheduled":
      read.timers.set(kind.value.seq, eventId);
      read.fireTimes.set(
        kind.value.seq,
        kind.value.fireTime === undefined ? 0 : timestampMs(kind.value.fireTime),
      );
      return;
    case "timerFired":
      rule(
        time >= (read.fireTimes.get(kind.value.seq) ?? Number.POSITIVE_INFINITY),
        `timer ${kind.value.seq} is early`,
      );
      endTimer(read, eventId, kind.value);
      read.lastNews = eventId;
      return;
    case "timerCancelled":
      checkCause(read, eventId, kind.value);
      endTimer(read, eventId, kind.value);
      return;
    default:
      return;
  }
}

function endTimer(read: Reading, eventId: number, timer: { seq: number; scheduledEventId: number }): void {
  rule(
    read.timers.get(timer.seq) === timer.scheduledEventId,
    `event ${eventId} ends a timer that is not pending`,
  );
  read.timers.delete(timer.seq);
}

/** A command or the run's cancellation, and nothing else, cancels things. */
function checkCause(
  read: Reading,
  eventId: number,
  { taskCompletedEventId, causeEventId }: { taskCompletedEventId: number; causeEventId: number },
): void {
  const cause = taskCompletedEventId === 0 ? read.cancelRequestedEventId : 0;
  rule(causeEventId === cause, `event ${eventId} names ${causeEventId} as its cause`);
}
