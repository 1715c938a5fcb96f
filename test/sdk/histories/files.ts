/** Where the histories are. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type HistoryEvent, HistoryEventSchema } from "../../../gen/pawl/v1/event_pb.js";

const folder = join(import.meta.dirname, "recorded");

/** The file of a history. */
export function fileOf(name: string): string {
  return join(folder, `${name}.json`);
}

/** All that are kept, by name. */
export function readHistories(): [name: string, events: HistoryEvent[]][] {
  const names = readdirSync(folder).map((file) => basename(file, ".json"));
  return names.sort().map((name) => {
    const events: JsonValue[] = JSON.parse(readFileSync(fileOf(name), "utf8"));
    return [name, events.map((event) => fromJson(HistoryEventSchema, event))];
  });
}
