/** The commands that answer updates. */
import { create } from "@bufbuild/protobuf";
import type {
  AcceptUpdateCommand,
  CompleteUpdateCommand,
  RejectUpdateCommand,
} from "../../../gen/pawl/v1/command_pb.js";
import { FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import type { UpdateRequest } from "../../../gen/pawl/v1/task_pb.js";
import { appendEvent, putKey, putUpdate, removeUpdate } from "../draft.js";
import { checkFailure, cutFailure } from "../failure.js";
import { checkPayload } from "../payload.js";
import { invalidField } from "../refusals.js";
import type { UpdateState } from "../run-state.js";
import type { CommandScope } from "./scope.js";

/** Accepts an update: it stands in history from now on. */
export function acceptUpdate(scope: CommandScope, { updateId }: AcceptUpdateCommand): void {
  const { draft, completedEventId, meta } = scope;
  const { update, request } = findAsked(scope, updateId);
  const { name, input, header } = request;
  const value = {
    updateId,
    name,
    taskCompletedEventId: completedEventId,
    ...(input === undefined ? {} : { input }),
    ...(header === undefined ? {} : { header }),
  };
  const acceptedEventId = appendEvent(draft, { case: "updateAccepted", value }, meta);
  putUpdate(draft, { ...update, acceptedEventId, request: undefined });
}

/** Rejects an update: history has nothing of it, its caller the failure. */
export function rejectUpdate(scope: CommandScope, command: RejectUpdateCommand): void {
  const { draft, field, completedEventId } = scope;
  const { limits } = draft.context;
  const { updateId, failure = create(FailureSchema, { message: "the update was rejected" }) } = command;
  const { update } = findAsked(scope, updateId);
  checkFailure(failure, `${field}.failure`, limits);
  putUpdate(draft, { ...update, request: undefined, rejection: cutFailure(failure, limits) });
  const { contentHash } = update;
  putKey(draft, { kind: "update", key: updateId, eventId: completedEventId, contentHash });
}

/** Answers an update that was accepted. */
export function completeUpdate(scope: CommandScope, { updateId, outcome }: CompleteUpdateCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  const { limits } = draft.context;
  const update = draft.run.updates.get(updateId);
  if (update?.acceptedEventId === undefined)
    throw invalidField(`${field}.update_id`, `"${updateId}" is not the id of an update that was accepted`);
  const { acceptedEventId, contentHash } = update;
  const value = { updateId, acceptedEventId, taskCompletedEventId: completedEventId };
  switch (outcome.case) {
    case "result":
      checkPayload(outcome.value, `${field}.result`, limits);
      break;
    case "failure":
      checkFailure(outcome.value, `${field}.failure`, limits);
      break;
    default:
      throw invalidField(field, "must have a result or a failure");
  }
  const cut = outcome.case === "failure" ? { ...outcome, value: cutFailure(outcome.value, limits) } : outcome;
  const eventId = appendEvent(draft, { case: "updateCompleted", value: { ...value, outcome: cut } }, meta);
  removeUpdate(draft, updateId);
  putKey(draft, { kind: "update", key: updateId, eventId, contentHash });
}

/** An update that the task was asked for and that is not decided yet. */
function findAsked(
  { draft, field }: CommandScope,
  updateId: string,
): { readonly update: UpdateState; readonly request: UpdateRequest } {
  const update = draft.run.updates.get(updateId);
  if (update?.request === undefined || update.isUnseen)
    throw invalidField(`${field}.update_id`, `"${updateId}" is not the id of an update that this task has`);
  return { update, request: update.request };
}
