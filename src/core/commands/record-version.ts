/** The command that records which version of the code a run takes. */
import type { RecordVersionCommand } from "../../../gen/pawl/v1/command_pb.js";
import { appendEvent } from "../draft.js";
import { checkName } from "../text.js";
import { type CommandScope, takeSeq } from "./scope.js";

/** Records the version of a change, so that replay takes the same branch. */
export function recordVersion(scope: CommandScope, { changeId, version }: RecordVersionCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  const seq = takeSeq(scope);
  checkName(changeId, `${field}.change_id`);
  const value = { seq, changeId, version, taskCompletedEventId: completedEventId };
  appendEvent(draft, { case: "versionRecorded", value }, meta);
}
