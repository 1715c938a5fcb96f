/** The command that asks an activity to cancel. */
import type { CancelActivityCommand } from "../../../gen/pawl/v1/command_pb.js";
import { requestActivityCancel } from "../activity-cancel.js";
import { invalidField } from "../refusals.js";
import type { CommandScope } from "./scope.js";

/** Asks an activity to cancel; one that has ended, or has been asked, stays as it is. */
export function cancelActivity(scope: CommandScope, { activitySeq }: CancelActivityCommand): void {
  const { draft, completedEventId, field, meta } = scope;
  if (activitySeq < 1 || activitySeq > draft.run.lastSeq) {
    throw invalidField(`${field}.activity_seq`, `${activitySeq} is not the seq of an activity of this run`);
  }
  const activity = draft.run.activities.get(activitySeq);
  if (activity === undefined) return;
  requestActivityCancel(draft, activity, { taskCompletedEventId: completedEventId, causeEventId: 0 }, meta);
}
