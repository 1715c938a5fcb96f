/** What a batch writes. */
import type { Message, Micros, Pointer } from "../core/run-state.js";
import type { ScheduleState } from "../core/schedules/schedule-state.js";
import type { RunStep } from "../core/transition.js";

/** The rows that belong together, all of one workflow id, or of a schedule and of the run that it starts: written whole or not at all. */
export interface Unit {
  readonly namespaceId: string;
  readonly workflowId: string;
  /** The move of the pointer. Undefined: it stays. */
  readonly pointer: PointerMove | undefined;
  /** One step a run: from the state that the database must still hold (by version) to the one to be written. A run without `before` is new. */
  readonly runs: readonly RunStep[];
  /** What other runs are told. */
  readonly messages: readonly Message[];
  /** Messages that take their effect with the unit: all must still be there, and go. */
  readonly delivered: readonly Message[];
  /** The step of the schedule that does all this. */
  readonly schedule?: ScheduleStep | undefined;
}

/** From the state that the database must still hold (by version) to the one to be written. */
export interface ScheduleStep {
  readonly before: ScheduleState;
  readonly after: ScheduleState;
  /** The call that is remembered with it. */
  readonly request?: ScheduleRequest | undefined;
}

/** A call that was made, so that a repeat is known. */
export interface ScheduleRequest {
  readonly requestId: string;
  readonly contentHash: string;
  /** What was answered beside the schedule: plain values. */
  readonly answer: unknown;
  readonly madeAt: Micros;
}

/** The pointer goes from one run to another. */
export interface PointerMove {
  /** The run id that it must still name. Undefined: there must be no pointer yet. */
  readonly expected: string | undefined;
  readonly next: Pointer;
}
