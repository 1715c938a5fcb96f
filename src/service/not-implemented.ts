/** What is part of the API and not built yet is refused by name, never ignored. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";

/** The error of an RPC or field that is not built yet. */
export function notImplemented(feature: string): RefusedError {
  return new RefusedError(
    ErrorReason.NOT_IMPLEMENTED,
    `${feature} is part of the API and not built yet; leave it out, or upgrade the server`,
    { feature },
  );
}
