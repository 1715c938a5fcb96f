/** Looking for an event of a run. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { RunState } from "../../core/run-state.js";
import { readHistory } from "../../store/history.js";
import type { EngineParts } from "../parts.js";

const pageEvents = 1_000;
const pageBytes = 1024 * 1024;

/** The first event behind an id that is wanted, in history or among those that are buffered; undefined if there is none. */
export async function findEvent(
  parts: Pick<EngineParts, "database">,
  run: RunState,
  behindEventId: number,
  isWanted: (event: HistoryEvent) => boolean,
): Promise<HistoryEvent | undefined> {
  const buffered = run.buffered.find(({ event }) => isWanted(event));
  if (buffered !== undefined) return buffered.event;
  let afterEventId = behindEventId;
  for (;;) {
    const { events, hasMore } = await readHistory(parts.database.read, {
      runId: run.runId,
      afterEventId,
      throughEventId: run.nextEventId - 1,
      maxEvents: pageEvents,
      maxBytes: pageBytes,
      descending: false,
    });
    const found = events.find(isWanted);
    if (found !== undefined || !hasMore) return found;
    afterEventId = events.at(-1)?.eventId ?? run.nextEventId;
  }
}
