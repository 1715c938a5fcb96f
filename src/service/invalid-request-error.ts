/** The error of a request that is wrong in its form. */
import type { ErrorReason } from "../../gen/pawl/v1/error_pb.js";

/** One thing that is wrong with a request. */
export interface Violation {
  /** The way to the field, such as `completions[0].commands[2].schedule_timer.duration`. */
  readonly field: string;
  /** The steps of that way: names of fields, indices of lists, keys of maps. */
  readonly path: readonly (string | number)[];
  readonly reason: ErrorReason;
  readonly message: string;
  /** The particulars, by the names that the reason's comment gives. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Refuses a request, naming every field that is wrong. The first one decides the reason. */
export class InvalidRequestError extends Error {
  override readonly name = "InvalidRequestError";
  readonly reason: ErrorReason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];

  constructor(violations: readonly [Violation, ...Violation[]]) {
    const [first] = violations;
    super(violations.map(({ field, message }) => `${field}: ${message}`).join("; "));
    this.reason = first.reason;
    this.metadata = first.metadata;
    this.violations = violations;
  }
}
