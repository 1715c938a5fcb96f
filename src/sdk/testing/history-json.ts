/** Histories as JSON, to keep them in files. */
import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type HistoryEvent, HistoryEventSchema } from "../../../gen/pawl/v1/event_pb.js";
import { TestSetupError } from "./errors.js";

/**
 * A history as events, or as JSON in one of the forms in which it is downloaded: the answer of GetHistory, as grpcurl and buf curl print it, a list of such answers
 * (one a page), a list of events, or the text of one of these.
 */
export type HistorySource = readonly HistoryEvent[] | JsonValue;

/** The JSON of a history: an answer of GetHistory, as text. */
export function historyToJson(events: readonly HistoryEvent[]): string {
  return JSON.stringify({ events: events.map((event) => toJson(HistoryEventSchema, event)) }, undefined, 2);
}

/** The events of a history. Throws a TestSetupError for what is none. */
export function readHistory(source: HistorySource): HistoryEvent[] {
  try {
    return eventsIn(typeof source === "string" ? JSON.parse(source) : source);
  } catch (error) {
    throw new TestSetupError(
      `this is no history: give the events, or the JSON of GetHistory: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  }
}

function eventsIn(source: unknown): HistoryEvent[] {
  if (Array.isArray(source)) return source.flatMap(eventsIn);
  if (typeof source !== "object" || source === null) throw new TypeError(`${source} is no event`);
  if ("events" in source) return eventsIn(source.events);
  if ("$typeName" in source) return [source as HistoryEvent];
  const event = fromJson(HistoryEventSchema, source as JsonValue, { ignoreUnknownFields: true });
  if (event.eventId === 0) throw new TypeError(`an event has an eventId, unlike ${JSON.stringify(source)}`);
  return [event];
}
