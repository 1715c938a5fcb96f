/** The one kind of error that core throws: an operation is refused, and nothing has changed. */
import type { ErrorReason } from "../../gen/pawl/v1/error_pb.js";

/** Says why an operation was refused and what the caller can do. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly reason: ErrorReason;
  /** The particulars, by the names that the reason's comment gives. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(reason: ErrorReason, message: string, metadata: Readonly<Record<string, string>> = {}) {
    super(message);
    this.reason = reason;
    this.metadata = metadata;
  }
}
