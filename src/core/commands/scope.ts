/** What a command works with, and how it is refused. */

import type { Command } from "../../../gen/pawl/v1/command_pb.js";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { Draft, EventMeta } from "../draft.js";
import { RefusedError } from "../errors.js";
import { invalidField } from "../refusals.js";

/** What surrounds a command. */
export interface CommandScope {
  readonly draft: Draft;
  readonly command: Command;
  /** Where it stands in the request, for errors, such as `commands[0].schedule_timer`. */
  readonly field: string;
  /** The WorkflowTaskCompleted whose command it is. */
  readonly completedEventId: number;
  readonly meta: EventMeta;
  /** Events of the run that its commands refer to, by id. */
  readonly events: ReadonlyMap<number, HistoryEvent>;
}

/** The command's name as in the API; "unknown" for one that this server does not know. */
export function commandName(command: Command): string {
  return command.kind.case?.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) ?? "unknown";
}

/** Takes the seq of a command that creates something: higher than all before. */
export function takeSeq({ draft, command }: CommandScope): number {
  const { seq } = command;
  const { lastSeq } = draft.run;
  if (seq <= lastSeq)
    throw invalidField("seq", `${seq} must be higher than ${lastSeq}, the last one that the run has used`);
  draft.run.lastSeq = seq;
  return seq;
}

/** The id of a namespace by its name. Undefined: there is none. */
export function namespaceIdOf({ draft: { run, context } }: CommandScope, name: string): string | undefined {
  return name === run.settings.namespace ? run.namespaceId : context.namespaceId(name);
}

/** Refuses one more pending thing than the run may have. */
export function checkPendingLimit({ draft, command }: CommandScope, kind: PendingKind): void {
  const limit = draft.context.limits.maxPendingPerKind;
  if (draft.run[kind].size < limit) return;
  const name = pendingNames[kind];
  const message = `the run has ${limit} pending ${name}, as many as it may; wait for some to end, or use child workflows`;
  throw new RefusedError(ErrorReason.PENDING_LIMIT, message, {
    kind: name,
    limit: String(limit),
    command: commandName(command),
  });
}

type PendingKind = "activities" | "timers" | "children" | "externalRequests";

const pendingNames: Record<PendingKind, string> = {
  activities: "activities",
  timers: "timers",
  children: "children",
  externalRequests: "external requests",
};

/** The refusal of a whole completion for one of its commands: it names the command, and a wrong field makes it an INVALID_COMMAND. */
export function refusedCommand(command: Command, index: number, error: RefusedError): RefusedError {
  const name = commandName(command);
  const reason = error.reason === ErrorReason.INVALID_FIELD ? ErrorReason.INVALID_COMMAND : error.reason;
  const message = `command ${index} (${name}): ${error.message}`;
  return new RefusedError(reason, message, {
    ...error.metadata,
    command_index: String(index),
    command: name,
  });
}
