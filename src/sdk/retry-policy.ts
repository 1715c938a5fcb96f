/** Retry options as the server wants them. */
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type RetryPolicy, RetryPolicySchema } from "../../gen/pawl/v1/retry_policy_pb.js";
import { toMs } from "./duration.js";
import type { RetryOptions } from "./workflow/options.js";

/** Makes a retry policy; what the options leave out is left to the server. */
export function retryPolicy(options: RetryOptions): RetryPolicy {
  const { initialInterval, maximumInterval, backoffCoefficient, maximumAttempts, jitter } = options;
  return create(RetryPolicySchema, {
    ...(initialInterval !== undefined && { initialInterval: durationFromMs(toMs(initialInterval)) }),
    ...(maximumInterval !== undefined && { maximumInterval: durationFromMs(toMs(maximumInterval)) }),
    ...(backoffCoefficient !== undefined && { backoffCoefficient }),
    ...(maximumAttempts !== undefined && { maximumAttempts }),
    ...(jitter !== undefined && { jitter }),
    nonRetryableTypes: [...(options.nonRetryableTypes ?? [])],
  });
}
