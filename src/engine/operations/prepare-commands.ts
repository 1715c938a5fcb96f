/** What commands refer to and core can't look up by itself: namespaces by name, and signals that go on to the next run. */
import type { Command } from "../../../gen/pawl/v1/command_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { readEvents } from "../../store/history.js";
import type { EngineParts } from "../parts.js";

const nothing: ReadonlyMap<number, HistoryEvent> = new Map();

/** Looks up what the commands of a run refer to. Answers the events that they name, by id. */
export async function prepareCommands(
  parts: EngineParts,
  { runId }: { readonly runId: string },
  commands: readonly Command[],
): Promise<ReadonlyMap<number, HistoryEvent>> {
  const namespaces = commands.flatMap(namespaceOf);
  if (namespaces.length > 0) await parts.namespaces.prepare(namespaces);
  const last = commands.at(-1)?.kind;
  if (last?.case !== "continueAsNew" || last.value.carriedSignalEventIds.length === 0) return nothing;
  const eventIds = last.value.carriedSignalEventIds;
  const events = await readEvents(
    parts.database.read,
    eventIds.map((eventId) => ({ runId, eventId })),
  );
  return new Map(events.flatMap((event) => (event === undefined ? [] : [[event.eventId, event]])));
}

/** The namespace that a command names; that of its own run is known. */
function namespaceOf({ kind }: Command): string[] {
  switch (kind.case) {
    case "startChildWorkflow":
      return named(kind.value.namespace);
    case "signalExternalWorkflow":
    case "cancelExternalWorkflow":
      return named(kind.value.target?.namespace ?? "");
    default:
      return [];
  }
}

function named(namespace: string): string[] {
  return namespace === "" ? [] : [namespace];
}
