/** Workflow code that does not do again what it did. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { type Step, showStep, stepOfEvent } from "./step.js";

/** The first difference between what is recorded and what the code does now. Blocks the run until the code is put right; does not fail it. */
export class NonDeterminismError extends Error {
  override readonly name = "NonDeterminismError";
  /** What is recorded, for people. */
  readonly recorded: string;
  /** What the code did, for people. */
  readonly given: string;

  constructor(recorded: string, given: string) {
    super(
      `the workflow code does not replay as it ran: recorded is ${recorded}, but the code made ${given}. ` +
        "Put the code right, or run what changed in new runs only; this run goes on once both agree",
    );
    this.recorded = recorded;
    this.given = given;
  }
}

/** Says that code made one thing where another is recorded. */
export function differs(event: HistoryEvent | undefined, step: Step | undefined): NonDeterminismError {
  return new NonDeterminismError(
    event === undefined
      ? "no further command of this workflow task"
      : `event ${event.eventId}: ${showStep(stepOfEvent(event))}`,
    step === undefined ? "no further command" : showStep(step),
  );
}
