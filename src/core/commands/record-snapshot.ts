/** The command that takes a snapshot of the run's state. */
import { toBinary } from "@bufbuild/protobuf";
import type { RecordSnapshotCommand } from "../../../gen/pawl/v1/command_pb.js";
import { PayloadSchema } from "../../../gen/pawl/v1/payload_pb.js";
import { appendEvent } from "../draft.js";
import { checkPayload } from "../payload.js";
import { invalidField } from "../refusals.js";
import { type CommandScope, takeSeq } from "./scope.js";

/** Takes a snapshot; it takes the place of the one before. Its state is kept beside history, which has its size alone. */
export function recordSnapshot(scope: CommandScope, { asOfEventId, state }: RecordSnapshotCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  const seq = takeSeq(scope);
  if (state === undefined) throw invalidField(`${field}.state`, "must be given");
  checkPayload(state, `${field}.state`, draft.context.limits);
  if (asOfEventId < 0 || asOfEventId >= draft.run.nextEventId)
    throw invalidField(`${field}.as_of_event_id`, `${asOfEventId} is not an event of this run`);
  const stateBytes = toBinary(PayloadSchema, state).length;
  const value = { seq, asOfEventId, stateBytes, taskCompletedEventId: completedEventId };
  appendEvent(draft, { case: "snapshotRecorded", value }, meta);
  draft.run.snapshot = { asOfEventId, state };
}
