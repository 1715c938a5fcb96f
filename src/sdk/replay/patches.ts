/** Changes of the code that runs from before must not see. */
import type { RunParts } from "./run-parts.js";

/** The version that a patch is recorded with: there is but one. */
const patchVersion = 1;

/** Whether the run takes the changed code: it is asked once, and keeps to it. */
export function isPatched({ log, patches }: RunParts, id: string): boolean {
  const known = patches.get(id);
  if (known !== undefined) return known;
  const isTaken = log.turn.recorded === undefined || isRecordedNext(log.next, id);
  if (isTaken) log.add({ case: "recordVersion", value: { changeId: id, version: patchVersion } });
  patches.set(id, isTaken);
  return isTaken;
}

/** Passes over what a run has recorded that took the changed code; a new run records nothing. */
export function passPatch({ log, patches }: RunParts, id: string): void {
  if (patches.has(id)) return;
  if (isRecordedNext(log.next, id))
    log.add({ case: "recordVersion", value: { changeId: id, version: patchVersion } });
  patches.set(id, true);
}

function isRecordedNext(event: RunParts["log"]["next"], id: string): boolean {
  return event?.kind.case === "versionRecorded" && event.kind.value.changeId === id;
}
