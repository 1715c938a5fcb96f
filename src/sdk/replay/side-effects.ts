/** Values from outside, recorded once. */
import { decodePayload, encodePayload } from "../payload.js";
import type { CommandLog } from "./command-log.js";
import { runOutside } from "./regions.js";

/** Records what the function returns; on replay the recorded value is taken and the function is not called. */
export function recordSideEffect(log: CommandLog, name: string, make: () => unknown): unknown {
  if (log.turn.recorded !== undefined) {
    const { event } = log.add({ case: "recordSideEffect", value: { name } });
    return event?.kind.case === "sideEffectRecorded" ? decodePayload(event.kind.value.value) : undefined;
  }
  const value = encodePayload(runOutside(make) ?? null);
  log.add({ case: "recordSideEffect", value: { name, ...(value && { value }) } });
  // As replay will see it, so that what JSON drops is missing from the beginning.
  return decodePayload(value);
}
