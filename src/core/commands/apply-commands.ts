/** The commands of a workflow task: checked as a whole, then applied in order. */
import type { Command } from "../../../gen/pawl/v1/command_pb.js";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { Draft } from "../draft.js";
import { RefusedError } from "../errors.js";
import { checkUserMetadata } from "../payload.js";
import type { Caller } from "../transition.js";
import { acceptUpdate, completeUpdate, rejectUpdate } from "./answer-update.js";
import { cancelActivity } from "./cancel-activity.js";
import { cancelTimer } from "./cancel-timer.js";
import { closeAsCancelled, closeAsCompleted, closeAsFailed } from "./close-workflow.js";
import { continueAsNew } from "./continue-as-new.js";
import { cancelChild, cancelExternalWorkflow, signalExternalWorkflow } from "./external-requests.js";
import { recordLocalActivity } from "./record-local-activity.js";
import { recordSideEffect } from "./record-side-effect.js";
import { recordSnapshot } from "./record-snapshot.js";
import { recordVersion } from "./record-version.js";
import { scheduleActivity } from "./schedule-activity.js";
import { scheduleTimer } from "./schedule-timer.js";
import { type CommandScope, commandName, refusedCommand } from "./scope.js";
import { startChildWorkflow } from "./start-child-workflow.js";
import { upsertMemo, upsertSearchAttributes } from "./upsert-attributes.js";

/** A command that may be applied. */
export interface CheckedCommand {
  readonly command: Command;
  readonly index: number;
  readonly apply: (scope: CommandScope) => void;
}

/** Refuses commands that are unknown, and a closing one that is not the last. */
export function checkCommands(commands: readonly Command[]): CheckedCommand[] {
  return commands.map((command, index) => {
    const apply = actionOf(command);
    if (apply === undefined) throw refusedCommand(command, index, unknown());
    if (isClosing(command) && index < commands.length - 1) {
      const why = "it ends the run and must be the last command";
      throw refusedCommand(command, index, new RefusedError(ErrorReason.INVALID_COMMAND, why));
    }
    return { command, index, apply };
  });
}

function unknown(): RefusedError {
  return new RefusedError(ErrorReason.INVALID_COMMAND, "this server does not know such a command");
}

/** Whether a command ends the run. */
export function isClosing({ kind }: Command): boolean {
  switch (kind.case) {
    case "cancelWorkflow":
    case "completeWorkflow":
    case "continueAsNew":
    case "failWorkflow":
      return true;
    default:
      return false;
  }
}

/** What surrounds the commands of a task. */
export interface Applying {
  /** The WorkflowTaskCompleted whose commands they are. */
  readonly completedEventId: number;
  readonly caller: Caller;
  /** Events of the run that the commands refer to, by id. */
  readonly events: ReadonlyMap<number, HistoryEvent>;
}

/** Applies the commands. Throws for the first that can't be; then none counts. */
export function applyCommands(draft: Draft, commands: readonly CheckedCommand[], applying: Applying): void {
  for (const checked of commands) {
    const { command, index } = checked;
    try {
      const { userMetadata } = command;
      checkUserMetadata(userMetadata, `commands[${index}].user_metadata`, draft.context.limits);
      applyCommand(draft, checked, applying, `commands[${index}].${commandName(command)}`);
    } catch (error) {
      throw error instanceof RefusedError ? refusedCommand(command, index, error) : error;
    }
  }
}

/** Applies one command, which stands in this field of its request. */
export function applyCommand(
  draft: Draft,
  { command, apply }: Pick<CheckedCommand, "command" | "apply">,
  { completedEventId, caller, events }: Applying,
  field: string,
): void {
  const meta = { userMetadata: command.userMetadata, ...caller };
  apply({ draft, command, field, completedEventId, meta, events });
}

function actionOf({ kind }: Command): CheckedCommand["apply"] | undefined {
  switch (kind.case) {
    case "scheduleActivity":
      return (scope) => scheduleActivity(scope, kind.value);
    case "cancelActivity":
      return (scope) => cancelActivity(scope, kind.value);
    case "scheduleTimer":
      return (scope) => scheduleTimer(scope, kind.value);
    case "cancelTimer":
      return (scope) => cancelTimer(scope, kind.value);
    case "startChildWorkflow":
      return (scope) => startChildWorkflow(scope, kind.value);
    case "cancelChild":
      return (scope) => cancelChild(scope, kind.value);
    case "signalExternalWorkflow":
      return (scope) => signalExternalWorkflow(scope, kind.value);
    case "cancelExternalWorkflow":
      return (scope) => cancelExternalWorkflow(scope, kind.value);
    case "continueAsNew":
      return (scope) => continueAsNew(scope, kind.value);
    case "recordVersion":
      return (scope) => recordVersion(scope, kind.value);
    case "recordLocalActivity":
      return (scope) => recordLocalActivity(scope, kind.value);
    case "recordSideEffect":
      return (scope) => recordSideEffect(scope, kind.value);
    case "recordSnapshot":
      return (scope) => recordSnapshot(scope, kind.value);
    case "upsertSearchAttributes":
      return (scope) => upsertSearchAttributes(scope, kind.value);
    case "upsertMemo":
      return (scope) => upsertMemo(scope, kind.value);
    case "acceptUpdate":
      return (scope) => acceptUpdate(scope, kind.value);
    case "rejectUpdate":
      return (scope) => rejectUpdate(scope, kind.value);
    case "completeUpdate":
      return (scope) => completeUpdate(scope, kind.value);
    case "cancelWorkflow":
      return (scope) => closeAsCancelled(scope, kind.value);
    case "completeWorkflow":
      return (scope) => closeAsCompleted(scope, kind.value);
    case "failWorkflow":
      return (scope) => closeAsFailed(scope, kind.value);
    case undefined:
      return undefined;
  }
}
