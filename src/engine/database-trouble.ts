/** Errors of a database that can't be reached, and what callers are told of them. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";
import {
  ConnectionLostError,
  DatabaseUnavailableError,
  GivenUpError,
  LockTimeoutError,
} from "../store/database.js";

/** Whether an error says that the database can't be reached, or did not get to it in time. */
export function isDatabaseTrouble(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError ||
    error instanceof ConnectionLostError ||
    error instanceof GivenUpError ||
    error instanceof LockTimeoutError
  );
}

/** What a caller is told: whatever was under way may be repeated, reads anyway, writes by their request id or token. */
export function toRefusal(error: unknown): unknown {
  if (!isDatabaseTrouble(error)) return error;
  return new RefusedError(
    ErrorReason.DATABASE_UNAVAILABLE,
    "the database can't be reached: try again with the same request id",
  );
}
