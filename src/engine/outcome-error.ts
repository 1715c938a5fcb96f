/** The error of one element of a batch call. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";
import { toRefusal } from "./database-trouble.js";

/** An error as an outcome; the service fills in the code. What is no refusal is thrown on: it is a fault of the whole call. */
export function outcomeError(thrown: unknown) {
  const error = toRefusal(thrown);
  if (!(error instanceof RefusedError) || error.reason === ErrorReason.SHUTTING_DOWN) throw error;
  const { reason, message, metadata } = error;
  return { case: "error" as const, value: { reason, message, metadata: { ...metadata } } };
}

/** The outcome of one element that answers with `accepted` or an error. */
export async function accepted<T extends object>(work: () => Promise<T>) {
  try {
    return { outcome: { case: "accepted" as const, value: await work() } };
  } catch (error) {
    return { outcome: outcomeError(error) };
  }
}
