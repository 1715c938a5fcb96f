/** The command that records the outcome of an activity that the worker ran by itself, within the workflow task. */
import type { RecordLocalActivityCommand } from "../../../gen/pawl/v1/command_pb.js";
import { appendEvent } from "../draft.js";
import { checkFailure, cutFailure } from "../failure.js";
import { checkPayload } from "../payload.js";
import { invalidField } from "../refusals.js";
import { checkName } from "../text.js";
import { durationOf, readMicros } from "../time.js";
import { type CommandScope, takeSeq } from "./scope.js";

/** Records a local activity with its outcome, so that replay does not run it again. */
export function recordLocalActivity(scope: CommandScope, command: RecordLocalActivityCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  const { activityType, attempts } = command;
  const seq = takeSeq(scope);
  checkName(activityType, `${field}.activity_type`);
  if (attempts < 0) throw invalidField(`${field}.attempts`, "must not be negative");
  const value = {
    seq,
    activityType,
    attempts,
    duration: durationOf(readMicros(command.duration, `${field}.duration`) / 1000),
    outcome: checkedOutcome(scope, command.outcome),
    taskCompletedEventId: completedEventId,
  };
  appendEvent(draft, { case: "localActivityRecorded", value }, meta);
}

type Outcome = RecordLocalActivityCommand["outcome"];

function checkedOutcome({ draft, field }: CommandScope, outcome: Outcome): Outcome {
  const { limits } = draft.context;
  switch (outcome.case) {
    case "result":
      checkPayload(outcome.value, `${field}.result`, limits);
      return outcome;
    case "failure":
      checkFailure(outcome.value, `${field}.failure`, limits);
      return { case: "failure", value: cutFailure(outcome.value, limits) };
    default:
      throw invalidField(field, "must have a result or a failure");
  }
}
