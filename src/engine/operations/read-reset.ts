/** What a reset reads of a history: the point, what came before it, and what lies behind it. A page at a time is held. */
import type { ResetReapply } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { runDeleted } from "../../core/refusals.js";
import { beginReplay, type Replay } from "../../core/replay/replay.js";
import { replayEvent } from "../../core/replay/replay-event.js";
import { type LaterEvents, noLaterEvents, noteLaterEvent } from "../../core/reset/later-events.js";
import { findResetPoint } from "../../core/reset/reset-point.js";
import type { ResetInput } from "../../core/reset/reset-workflow.js";
import type { RunState } from "../../core/run-state.js";
import type { RecordedEvent } from "../../core/transition.js";
import { readEvents, readRecorded } from "../../store/history.js";
import { readSignalHashes } from "../../store/signal-hashes.js";
import { readSnapshot } from "../../store/snapshots.js";
import type { EngineParts } from "../parts.js";

/** Where a run is reset to. */
export interface PointOfReset {
  readonly base: RunState;
  /** The WorkflowTaskStarted of the task that is made again. */
  readonly startedEventId: number;
  /** What the events through that one make of the run. */
  readonly replay: Replay;
}

/** Finds the workflow task that an event is about. Throws RESET_POINT_INVALID, and RUN_DELETED if its history is there no more. */
export async function findPoint({ database }: EngineParts, base: RunState, eventId: number): Promise<number> {
  const { runId, nextEventId } = base;
  const asks = [eventId, eventId + 1].filter((id) => id < nextEventId).map((id) => ({ runId, eventId: id }));
  const [event, next] = await readEvents(database.read, asks);
  if (event === undefined && asks.length > 0) throw runDeleted(base);
  return findResetPoint({ eventId, event, next, historyLength: nextEventId - 1 });
}

/** Goes through the history up to a point. */
export async function replayTo(
  parts: EngineParts,
  base: RunState,
  startedEventId: number,
  updateHash: ResetInput["updateHash"],
): Promise<PointOfReset> {
  const { namespaces } = parts;
  const namespaceId = (name: string) => namespaces.known(name)?.namespaceId;
  const replay = beginReplay(base, { namespaceId, updateHash });
  for await (const page of pagesOf(parts, base, 0, startedEventId)) {
    await namespaces.prepare(page.flatMap(namespaceOf));
    for (const recorded of page) replayEvent(replay, recorded);
  }
  return { base, startedEventId, replay };
}

/** Reads what lies behind a point, further each time. */
export interface LaterReader {
  readOn(base: RunState): Promise<Pick<ResetInput, "later" | "snapshot" | "signalHashes">>;
}

/** Begins behind a point. */
export function readLater(
  parts: EngineParts,
  { replay, startedEventId }: PointOfReset,
  reapply: ResetReapply,
): LaterReader {
  const later: LaterEvents = noLaterEvents();
  let read = startedEventId;
  return {
    async readOn(base) {
      const { runId, nextEventId } = base;
      const { run: point, snapshotEventId } = replay;
      for await (const page of pagesOf(parts, base, read, nextEventId - 1)) {
        for (const recorded of page) noteLaterEvent(later, recorded, { point, reapply });
      }
      read = nextEventId - 1;
      const hasSnapshot = snapshotEventId > 0 && !later.hasSnapshot;
      const hasSignals = later.events.some(({ kind }) => kind.case === "signalReceived");
      const [snapshot, signalHashes] = await Promise.all([
        hasSnapshot ? readSnapshot(parts.database.read, runId) : undefined,
        hasSignals ? readSignalHashes(parts.database.read, runId, startedEventId) : new Map<string, string>(),
      ]);
      return { later, snapshot, signalHashes };
    },
  };
}

const pageEvents = 1_000;
const pageBytes = 1024 * 1024;

/** Goes through events of a run. Throws RUN_DELETED where one is missing. */
async function* pagesOf(
  { database }: EngineParts,
  base: RunState,
  behindEventId: number,
  throughEventId: number,
): AsyncGenerator<readonly RecordedEvent[]> {
  for (let afterEventId = behindEventId; afterEventId < throughEventId; ) {
    const ask = { runId: base.runId, afterEventId, throughEventId, descending: false };
    const { recorded } = await readRecorded(database.read, {
      ...ask,
      maxEvents: pageEvents,
      maxBytes: pageBytes,
    });
    if (recorded[0]?.event.eventId !== afterEventId + 1) throw runDeleted(base);
    yield recorded;
    afterEventId += recorded.length;
  }
}

/** The namespace of a child. */
function namespaceOf({ event: { kind } }: RecordedEvent): string[] {
  return kind.case === "childWorkflowInitiated" ? [kind.value.namespace] : [];
}
