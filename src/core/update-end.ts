/** What becomes of updates with the workflow tasks of their run, and with its end. */
import type { UpdateRequest } from "../../gen/pawl/v1/task_pb.js";
import { type Draft, putKey, putUpdate } from "./draft.js";
import type { RunState, UpdateState } from "./run-state.js";

/** The updates that are not answered, in the order in which they came. */
export function pendingUpdates({ updates }: Pick<RunState, "updates">): UpdateState[] {
  return [...updates.values()].filter(({ rejection }) => rejection === undefined);
}

/** The requests that a workflow task which starts now has to answer. */
export function updatesForTask(state: RunState): UpdateRequest[] {
  return pendingUpdates(state).flatMap(({ request, isUnseen }) =>
    request === undefined || isUnseen ? [] : [request],
  );
}

/** The next workflow task has the updates that came while one was started. */
export function showUnseenUpdates(draft: Draft): void {
  for (const update of draft.run.updates.values()) {
    if (!update.isUnseen) continue;
    putUpdate(draft, { ...update, isUnseen: false });
    draft.hasNews = true;
  }
}

/** The run is over: who waits for an answer is told by its closing event. */
export function endUpdates(draft: Draft, closingEventId: number): void {
  for (const { updateId, contentHash } of pendingUpdates(draft.run))
    putKey(draft, { kind: "update", key: updateId, eventId: closingEventId, contentHash });
}
