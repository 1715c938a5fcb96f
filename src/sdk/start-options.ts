/** How a workflow is started. */
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Payload, PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import {
  ClosedIdPolicy,
  OpenIdPolicy,
  type WorkflowSpec,
  WorkflowSpecSchema,
} from "../../gen/pawl/v1/workflow_pb.js";
import { type Duration, toMs } from "./duration.js";
import { encodePayload } from "./payload.js";
import { retryPolicy } from "./retry-policy.js";
import { encodeAttributes, type SearchAttributes } from "./search-attributes.js";
import type { RetryOptions } from "./workflow/options.js";

/** How a workflow is started. What is unset takes the server's default. */
export interface StartOptions {
  /** The workflow id. Default: one is made. */
  readonly workflowId?: string;
  /** The queue whose workers run it. Default "default". */
  readonly taskQueue?: string;
  /** What to do when the latest run of the id is closed. Default "allow". */
  readonly closedIdPolicy?: "allow" | "allow-if-failed" | "reject";
  /** What to do when a run of the id is open. Default "fail". */
  readonly openIdPolicy?: "fail" | "use-existing" | "terminate-existing";
  /** The longest one run may take. Default: no limit. */
  readonly runTimeout?: Duration;
  /** The longest all runs may take, those by retry and continue-as-new included. Default: no limit. */
  readonly executionTimeout?: Duration;
  /** How long a worker may hold a workflow task without renewing it. Default 10 s. */
  readonly workflowTaskTimeout?: Duration;
  /** Whether a failed run is tried again as a new run. Default: it is not. */
  readonly retry?: RetryOptions;
  /** How long the first workflow task waits. Default: not at all. */
  readonly startDelay?: Duration;
  /** From 1 (first) to 5 (last). Default 3. */
  readonly priority?: number;
  /** Values shown with the run. */
  readonly memo?: Readonly<Record<string, unknown>>;
  /** Values to find the run by. */
  readonly searchAttributes?: SearchAttributes;
}

const closedIdPolicies = {
  allow: ClosedIdPolicy.ALLOW,
  "allow-if-failed": ClosedIdPolicy.ALLOW_IF_FAILED,
  reject: ClosedIdPolicy.REJECT,
};
const openIdPolicies = {
  fail: OpenIdPolicy.FAIL,
  "use-existing": OpenIdPolicy.USE_EXISTING,
  "terminate-existing": OpenIdPolicy.TERMINATE_EXISTING,
};

/** Makes what a start asks for. */
export function startSpec(workflowType: string, input: unknown, options: StartOptions): WorkflowSpec {
  const spec = create(WorkflowSpecSchema, {
    workflowType,
    workflowId: options.workflowId ?? "",
    taskQueue: options.taskQueue ?? "",
    priority: options.priority ?? 0,
    searchAttributes: encodeAttributes(options.searchAttributes ?? {}),
  });
  const payload = encodePayload(input);
  if (payload !== undefined) spec.input = payload;
  if (options.closedIdPolicy !== undefined) spec.closedIdPolicy = closedIdPolicies[options.closedIdPolicy];
  if (options.openIdPolicy !== undefined) spec.openIdPolicy = openIdPolicies[options.openIdPolicy];
  if (options.retry !== undefined) spec.retryPolicy = retryPolicy(options.retry);
  for (const field of ["runTimeout", "executionTimeout", "workflowTaskTimeout", "startDelay"] as const) {
    const duration = options[field];
    if (duration !== undefined) spec[field] = durationFromMs(toMs(duration));
  }
  spec.memo = encodeMemo(options.memo ?? {});
  return spec;
}

/** Encodes entries of a memo; `undefined` is an entry without a body, which removes it where one changes. */
export function encodeMemo(memo: Readonly<Record<string, unknown>>): Record<string, Payload> {
  const entries = Object.entries(memo);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, encodePayload(value) ?? create(PayloadSchema)]),
  );
}
