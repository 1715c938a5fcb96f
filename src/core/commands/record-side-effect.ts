/** The command that records a value from outside. */
import type { RecordSideEffectCommand } from "../../../gen/pawl/v1/command_pb.js";
import { appendEvent } from "../draft.js";
import { checkPayload } from "../payload.js";
import { invalidField } from "../refusals.js";
import { type CommandScope, takeSeq } from "./scope.js";

/** Records a value, so that replay sees it for ever. */
export function recordSideEffect(scope: CommandScope, { name, value }: RecordSideEffectCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  const seq = takeSeq(scope);
  if (value === undefined) throw invalidField(`${field}.value`, "must be given; a JSON null is a value");
  checkPayload(value, `${field}.value`, draft.context.limits);
  const recorded = { seq, name, value, taskCompletedEventId: completedEventId };
  appendEvent(draft, { case: "sideEffectRecorded", value: recorded }, meta);
}
