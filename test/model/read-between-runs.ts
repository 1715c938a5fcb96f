/** What a history says of children, and of what was sent to other runs. */
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { Reading } from "./read-history.js";
import { rule } from "./rule.js";

/** Reads an event that may be of a child or of a request to another run. */
export function readBetweenRuns(read: Reading, { eventId, kind }: HistoryEvent): void {
  switch (kind.case) {
    case "childWorkflowInitiated":
      // One that an earlier run of the chain has kept comes under the seq that it had there.
      if (kind.value.taskCompletedEventId === 0) read.lastSeq = Math.max(read.lastSeq, kind.value.seq);
      rule(!read.children.has(kind.value.seq), `event ${eventId} initiates a child twice`);
      read.children.set(kind.value.seq, { initiated: eventId, started: 0 });
      return;
    case "childWorkflowStarted": {
      const child = childOf(read, eventId, kind.value);
      rule(child?.started === 0, `event ${eventId} starts a child twice`);
      if (child !== undefined) child.started = eventId;
      read.lastNews = eventId;
      return;
    }
    case "childWorkflowStartFailed":
      rule(childOf(read, eventId, kind.value)?.started === 0, `event ${eventId}: the child had started`);
      read.children.delete(kind.value.seq);
      read.lastNews = eventId;
      return;
    case "childWorkflowCompleted":
    case "childWorkflowFailed":
    case "childWorkflowCancelled":
    case "childWorkflowTimedOut":
    case "childWorkflowTerminated": {
      const child = childOf(read, eventId, kind.value);
      const { startedEventId } = kind.value;
      rule(startedEventId > 0, `event ${eventId} ends a child that has not started`);
      rule(child?.started === startedEventId, `event ${eventId} refers to another start`);
      read.children.delete(kind.value.seq);
      read.lastNews = eventId;
      return;
    }
    case "childWorkflowAdopted":
      rule(
        childOf(read, eventId, kind.value)?.started === kind.value.startedEventId,
        `event ${eventId} adopts a child that has started otherwise`,
      );
      return;
    case "externalSignalInitiated":
    case "externalCancelInitiated":
      read.requests.set(kind.value.seq, eventId);
      return;
    case "externalSignalDelivered":
    case "externalSignalFailed":
    case "externalCancelDelivered":
    case "externalCancelFailed":
      rule(
        read.requests.get(kind.value.seq) === kind.value.initiatedEventId,
        `event ${eventId} answers a request that does not wait`,
      );
      read.requests.delete(kind.value.seq);
      read.lastNews = eventId;
      return;
    default:
      return;
  }
}

function childOf(
  read: Reading,
  eventId: number,
  { seq, initiatedEventId }: { readonly seq: number; readonly initiatedEventId: number },
) {
  const child = read.children.get(seq);
  rule(child?.initiated === initiatedEventId, `event ${eventId} is of a child that is not pending`);
  return child;
}
