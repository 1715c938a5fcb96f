/** Workflow code that does not do again what it did. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { differingFields, type Step, showStep, stepOfEvent } from "./step.js";

/** What is known of a difference between history and code. */
export interface Difference {
  /** What is recorded. Undefined: no further command of the workflow task. */
  readonly event: HistoryEvent | undefined;
  /** What the code made. Undefined: no further command. */
  readonly step: Step | undefined;
  /** Where the code made it, if known. */
  readonly place?: string | undefined;
  /** What the code waits for instead, in words. */
  readonly waits?: readonly string[];
}

/** The first difference between what is recorded and what the code does now. Blocks the run until the code is put right; does not fail it. */
export class NonDeterminismError extends Error {
  override readonly name = "NonDeterminismError";
  /** What is recorded, for people. */
  readonly recorded: string;
  /** What the code did, for people. */
  readonly given: string;
  /** The event that the code did not make again. Undefined: nothing is recorded where the code made a command. */
  readonly eventId: number | undefined;
  /** Where the code made its command, such as "charge (/app/order.ts:12:9)". Undefined: not known. */
  readonly place: string | undefined;

  constructor({ event, step, place, waits = [] }: Difference) {
    const recorded = event ? showStep(stepOfEvent(event)) : "no further command of this workflow task";
    const given = step ? showStep(step) : "no further command";
    const lines = [
      "the workflow code does not replay as it ran:",
      `- ${event ? `event ${event.eventId}` : "history"}: ${recorded}`,
      `+ code now: ${given}${waits.length > 0 ? `, and waits for ${waits.join(", ")}` : ""}`,
      ...(event && step ? differenceOf(stepOfEvent(event), step) : []),
      ...(place === undefined ? [] : [`  made at ${place}`]),
      "Put the code right, or keep the old code for runs that are open with ctx.patched(); this run goes on once both agree",
    ];
    super(lines.join("\n"));
    this.recorded = recorded;
    this.given = given;
    this.eventId = event?.eventId;
    this.place = place;
  }
}

function differenceOf(recorded: Step, given: Step): string[] {
  const fields = recorded.name === given.name ? differingFields(recorded, given) : [];
  return fields.length === 0 ? [] : [`  differs in ${fields.join(", ")}`];
}
