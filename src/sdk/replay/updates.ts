/** Updates: requests to a run that its code accepts or rejects, and answers. */
import { encodeFailure } from "../failure-codec.js";
import { decodePayload, encodePayload } from "../payload.js";
import { isFailure } from "./handler-runs.js";
import { refusePromise, unhandled } from "./queries.js";
import { runLooking } from "./restrictions.js";
import type { RunParts } from "./run-parts.js";
import type { UpdateInput } from "./turns.js";

/** What answers an update. */
export interface UpdateHandler {
  handle(input: unknown): unknown;
  /** Throws to reject. */
  validate(input: unknown): unknown;
}

/** Sets what answers an update. */
export function handleUpdate({ updates }: RunParts, name: string, handler: UpdateHandler): void {
  if (updates.has(name)) throw new Error(`the update "${name}" has a handler already: set one for each name`);
  updates.set(name, handler);
}

/** Gives an update to the code. On replay only those come that were accepted. */
export function offerUpdate(parts: RunParts, { updateId, name, input }: UpdateInput): void {
  const { log, updates, started } = parts;
  const handler = updates.get(name);
  const isRecorded = log.turn.recorded !== undefined;
  if (handler === undefined) {
    // An accepted one that finds no handler any more shows as an event that the code did not make.
    if (isRecorded) return;
    const asked = {
      what: "update" as const,
      name,
      workflowType: started.workflowType,
      known: updates.keys(),
    };
    log.reject({ updateId, failure: encodeFailure(unhandled(asked)) });
    return;
  }
  const value = decodePayload(input);
  try {
    if (!isRecorded) validate(parts, name, () => handler.validate(value));
  } catch (error) {
    log.reject({ updateId, failure: encodeFailure(error) });
    return;
  }
  log.add({ case: "acceptUpdate", value: { updateId } });
  runUpdate(parts, updateId, () => handler.handle(value));
}

function validate({ globals }: RunParts, name: string, code: () => unknown): void {
  const who = `the validator of the update "${name}"`;
  refusePromise(runLooking(globals, who, code), who);
}

function runUpdate({ log, handlerRuns }: RunParts, updateId: string, code: () => unknown): void {
  handlerRuns.enterHandler(code, {
    succeed(result) {
      const outcome = { case: "result" as const, value: encodePayload(result) ?? {} };
      log.add({ case: "completeUpdate", value: { updateId, outcome } });
    },
    fail(error) {
      if (!isFailure(error)) return log.fail(error);
      const outcome = { case: "failure" as const, value: encodeFailure(error) };
      log.add({ case: "completeUpdate", value: { updateId, outcome } });
    },
  });
}
