/** Local steps: small work that is done within the workflow task and recorded with its outcome. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { RecordLocalActivityCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { RetryState } from "../../../gen/pawl/v1/failure_pb.js";
import { PayloadSchema } from "../../../gen/pawl/v1/payload_pb.js";
import { decodeFailure, encodeFailure } from "../failure-codec.js";
import { ActivityFailure } from "../failures.js";
import { decodePayload, encodePayload } from "../payload.js";
import type { LocalOptions, LocalStepContext } from "../workflow/local.js";
import { type Ended, tryWork } from "./attempts.js";
import { runOutside } from "./regions.js";
import { runRestricted } from "./restrictions.js";
import type { RunParts } from "./run-parts.js";
import type { Wait } from "./waits.js";

/** A local step that has not ended for its code. */
export interface LocalStep {
  readonly name: string;
  readonly wait: Wait<unknown>;
  /** How it ended. Undefined on replay, where it is not done again. */
  readonly ended: Promise<Ended> | undefined;
}

/** Begins a local step and waits for it. */
export function callLocal(
  { log, waits, locals }: RunParts,
  name: string,
  work: (step: LocalStepContext) => unknown,
  options: LocalOptions,
): Promise<unknown> {
  const rejected = waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  const abort = new AbortController();
  const wait = waits.open<unknown>(`the local step ${name}`, options, () => {
    locals.splice(locals.indexOf(step), 1);
    abort.abort();
    return "reject";
  });
  const isRecorded = log.turn.recorded !== undefined;
  const doWork = (attempt: LocalStepContext) => runRestricted(`the local step ${name}`, () => work(attempt));
  const begin = () => runOutside(() => tryWork(doWork, options, abort));
  const step = { name, wait, ended: isRecorded ? undefined : begin() };
  locals.push(step);
  return wait.promise;
}

/** A local step of which it is known how it ended; on replay that is not known, and not needed. */
export interface EndedStep {
  readonly step: LocalStep;
  readonly ended: Ended | undefined;
}

/**
 * Waits for the oldest local step; undefined if there is none. In the order in which they began, so that replay tells the same without knowing which was
 * faster.
 */
export async function firstEnded({ locals }: RunParts): Promise<EndedStep | undefined> {
  const [step] = locals;
  return step && { step, ended: await step.ended };
}

/** Tells code how a local step ended, unless it has given it up. */
export function endLocal({ log, locals }: RunParts, { step, ended }: EndedStep): void {
  if (locals[0] !== step) return;
  locals.shift();
  const value = commandOf(step.name, ended);
  const { event } = log.add({ case: "recordLocalActivity", value });
  const outcome = event?.kind.case === "localActivityRecorded" ? event.kind.value.outcome : value.outcome;
  if (outcome?.case === "failure") {
    const cause = decodeFailure(outcome.value as Parameters<typeof decodeFailure>[0]);
    const fields = {
      activityType: step.name,
      activityId: "",
      retryState: RetryState.UNSPECIFIED,
      identity: "",
    };
    step.wait.fail(
      new ActivityFailure(`local step ${step.name} failed: ${cause.message}`, fields, { cause }),
    );
  } else step.wait.succeed(decodePayload(outcome?.value as Parameters<typeof decodePayload>[0]));
}

/** Without an outcome on replay, where the recorded one counts. */
function commandOf(
  activityType: string,
  ended: Ended | undefined,
): MessageInitShape<typeof RecordLocalActivityCommandSchema> {
  if (ended === undefined) return { activityType };
  const { outcome, attempts, tookMs } = ended;
  return {
    activityType,
    attempts,
    duration: durationFromMs(Math.round(tookMs)),
    outcome:
      "error" in outcome
        ? { case: "failure", value: encodeFailure(outcome.error) }
        : { case: "result", value: encodePayload(outcome.value) ?? create(PayloadSchema) },
  };
}
