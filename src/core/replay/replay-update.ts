/** What history tells of updates: those that were accepted. */
import { create } from "@bufbuild/protobuf";
import type { HistoryEvent, UpdateAccepted } from "../../../gen/pawl/v1/event_pb.js";
import { type UpdateRequest, UpdateRequestSchema } from "../../../gen/pawl/v1/task_pb.js";
import type { Replay } from "./replay.js";

/** Goes through an event that may be of an update. */
export function replayUpdate({ updates, world }: Replay, { eventId, kind }: HistoryEvent): void {
  switch (kind.case) {
    case "updateAccepted": {
      const { updateId } = kind.value;
      updates.set(updateId, {
        updateId,
        // Unlike a count of those that are pending, it only grows.
        position: eventId,
        contentHash: world.updateHash(acceptedRequest(kind.value)),
        isUnseen: false,
        acceptedEventId: eventId,
        request: undefined,
        rejection: undefined,
      });
      return;
    }
    case "updateCompleted":
      updates.delete(kind.value.updateId);
      return;
    default:
      return;
  }
}

/** The request of an update that was accepted, but for who asked. */
export function acceptedRequest({ updateId, name, input, header }: UpdateAccepted): UpdateRequest {
  return create(UpdateRequestSchema, {
    updateId,
    name,
    ...(input === undefined ? {} : { input }),
    ...(header === undefined ? {} : { header }),
  });
}
