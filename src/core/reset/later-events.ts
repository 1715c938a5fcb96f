/** What lies behind the point of a reset and counts in the new run. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { ResetReapply } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../errors.js";
import { newsOf } from "../hear.js";
import type { RunState } from "../run-state.js";
import type { RecordedEvent } from "../transition.js";

/** Events behind the point, as far as they were gone through. */
export interface LaterEvents {
  /** Those that count, in their order. */
  readonly events: HistoryEvent[];
  /** What they take, as stored. */
  bytes: number;
  /** Whether a snapshot was taken: then the one of the point is there no more. */
  hasSnapshot: boolean;
}

/** What one reset can give to the new run: it is written with its beginning, at once. */
const mostEvents = 10_000;
const mostBytes = 16 * 1024 * 1024;

/** Begins behind the point. */
export function noLaterEvents(): LaterEvents {
  return { events: [], bytes: 0, hasSnapshot: false };
}

/** Goes through the next event behind the point. Throws CALL_LIMIT if too many count. */
export function noteLaterEvent(
  later: LaterEvents,
  { event, bytes }: RecordedEvent,
  { point, reapply }: { readonly point: RunState; readonly reapply: ResetReapply },
): void {
  if (event.kind.case === "snapshotRecorded") later.hasSnapshot = true;
  if (!counts(event.kind, point, reapply)) return;
  later.events.push(event);
  later.bytes += bytes.length;
  if (later.events.length <= mostEvents && later.bytes <= mostBytes) return;
  const message = `more than ${mostEvents} events or ${mostBytes} bytes behind the event would have to be given to the new run: choose a later event, or re-apply less`;
  throw new RefusedError(ErrorReason.CALL_LIMIT, message, { limit: String(mostEvents) });
}

/** Signals and updates, as asked; and what came of children and requests from before the point, or the new run would wait for it for ever. */
function counts(kind: HistoryEvent["kind"], point: RunState, reapply: ResetReapply): boolean {
  if (kind.case === "signalReceived") return reapply !== ResetReapply.NOTHING;
  if (kind.case === "updateAccepted") return givesUpdates(reapply);
  const news = newsOf(kind);
  if (news === undefined) return false;
  const { seq, initiatedEventId } = news.kind.value;
  const pending = news.of === "child" ? point.children.get(seq) : point.externalRequests.get(seq);
  return pending?.initiatedEventId === initiatedEventId;
}

/** Whether updates are given to the new run. */
export function givesUpdates(reapply: ResetReapply): boolean {
  return reapply !== ResetReapply.NOTHING && reapply !== ResetReapply.SIGNALS;
}
