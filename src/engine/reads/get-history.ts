/** Reading histories. */
import type { GetHistoryRequest } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { isClosing } from "../../core/closing-outcome.js";
import { runDeleted } from "../../core/refusals.js";
import type { RunState } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import { type HistoryPage, readHistory } from "../../store/history.js";
import type { Call } from "../engine.js";
import {
  type HistoryOwner,
  type HistoryPosition,
  invalidPageToken,
  readHistoryPageToken,
  writeHistoryPageToken,
} from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { mostPageBytes } from "../response-size.js";
import { msFromDuration } from "../time.js";
import { startWait, waitTimeOf } from "../wait.js";
import { findKnownRun, findRun } from "./find-run.js";
import { readClosingEvent } from "./get-result.js";

const defaultPageSize = 100;

/** Gets a page of events; may wait until there is one. A page token proves that the run was there. */
export async function getHistory(parts: EngineParts, request: GetHistoryRequest, call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { workflowId, isDescending } = request;
  const start: HistoryPosition = { runId: request.runId, after: request.afterEventId, isDescending };
  const position = request.pageToken === "" ? start : readPosition(request, { namespaceId, workflowId });
  const find = request.pageToken === "" ? findRun : findKnownRun;
  const first = await find(parts, { namespaceId, workflowId, runId: position.runId });
  const waiter = startWait(waitTimeOf(call, msFromDuration(request.wait) ?? 0, Date.now()), call.signal);
  const stopWatching = parts.watch.watch(first.runId, () => waiter.wake());
  try {
    for (let goesOn = true; ; goesOn = await waiter.next()) {
      const run = await findKnownRun(parts, { namespaceId, workflowId, runId: first.runId });
      const page = request.closingEventOnly
        ? await closingPage(parts, run)
        : await eventPage(parts, run, position, request.pageSize);
      const mayGrow =
        request.wait !== undefined &&
        !isClosedStatus(run.status) &&
        !page.events.some(isClosing) &&
        position.through === undefined &&
        !isDescending;
      if (page.events.length > 0 || !mayGrow || !goesOn) {
        const last = page.events.at(-1)?.eventId ?? position.after;
        const hasNext = page.hasMore || mayGrow;
        return {
          runId: run.runId,
          events: page.events,
          nextPageToken: hasNext
            ? writeHistoryPageToken(run, { ...position, runId: run.runId, ...goOnFrom(last, isDescending) })
            : "",
        };
      }
    }
  } finally {
    stopWatching();
    waiter.close();
  }
}

/** Behind the last event of a page: above it, or below it when the newest come first. */
function goOnFrom(last: number, isDescending: boolean): Partial<HistoryPosition> {
  return isDescending ? { through: last - 1 } : { after: last };
}

/** A page goes on in the same run and the same direction. */
function readPosition(request: GetHistoryRequest, owner: HistoryOwner): HistoryPosition {
  const position = readHistoryPageToken(request.pageToken, owner);
  const isSameRun = request.runId === "" || request.runId === position.runId;
  if (!isSameRun || (position.isDescending ?? false) !== request.isDescending)
    throw invalidPageToken("belongs to another query");
  return position;
}

async function closingPage(parts: EngineParts, run: RunState) {
  const events = isClosedStatus(run.status) ? [await readClosingEvent(parts, run)] : [];
  return { events, hasMore: false };
}

async function eventPage(parts: EngineParts, run: RunState, position: HistoryPosition, pageSize: number) {
  const page = await readHistory(parts.database.read, {
    runId: run.runId,
    afterEventId: position.after,
    ...(position.through === undefined ? {} : { throughEventId: position.through }),
    maxEvents: pageSize === 0 ? defaultPageSize : pageSize,
    maxBytes: mostPageBytes(parts),
    descending: position.isDescending ?? false,
  });
  if (!isWhole(page, run, position)) throw runDeleted(run);
  return page;
}

/** Whether a page has all that it must have: of a run that is deleted right after it was found, history may be gone in part. */
function isWhole({ events, hasMore }: HistoryPage, run: RunState, position: HistoryPosition): boolean {
  const lowest = position.after + 1;
  const highest = Math.min(position.through ?? run.nextEventId - 1, run.nextEventId - 1);
  if (lowest > highest) return true;
  const ids = events.map(({ eventId }) => eventId);
  const [first = 0, last = 0] = [ids[0], ids.at(-1)];
  if (position.isDescending === true) return first >= highest && (hasMore || last === lowest);
  return first === lowest && (hasMore || last >= highest);
}
