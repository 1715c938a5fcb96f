/** Request ids: a call that was made before is known, and changes nothing. */
import { type Draft, putKey } from "./draft.js";
import { requestIdReused } from "./refusals.js";
import { type RunKeyKind, type RunState, runKeyId } from "./run-state.js";
import { checkText } from "./text.js";

/** How a call says that it is the same as before. */
export interface RequestKey {
  /** Empty: none was given. */
  readonly requestId: string;
  /** Hash of the call's content. */
  readonly contentHash: string;
}

/** Whether this call was made before. Throws REQUEST_ID_REUSED if its id was used for another. */
export function isRepeatedRequest(
  state: RunState,
  kind: RunKeyKind,
  { requestId, contentHash }: RequestKey,
): boolean {
  checkText(requestId, "request_id");
  const key = state.keys.get(runKeyId(kind, requestId));
  if (requestId === "" || key === undefined) return false;
  if (key.contentHash !== contentHash) throw requestIdReused(requestId);
  return true;
}

/** Remembers the call with the event that it made; 0 while that is buffered. */
export function rememberRequest(
  draft: Draft,
  kind: RunKeyKind,
  { requestId, contentHash }: RequestKey,
  eventId: number,
): void {
  if (requestId !== "") putKey(draft, { kind, key: requestId, eventId, contentHash });
}
