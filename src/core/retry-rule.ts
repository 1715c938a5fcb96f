/** When and how often failed work is tried again. */
import { type Failure, RetryState } from "../../gen/pawl/v1/failure_pb.js";
import type { RetryPolicy } from "../../gen/pawl/v1/retry_policy_pb.js";
import { invalidField } from "./refusals.js";
import type { Micros, RetryRule } from "./run-state.js";
import { checkText } from "./text.js";
import { addMicros, durationOf, readMicros, readMs } from "./time.js";
import type { Context } from "./transition.js";

const defaultInitialMs = 1_000;
const defaultCoefficient = 2;
const defaultMaximumAttempts = 3;
const defaultJitter = 0.1;
const maximumPerInitial = 100;
const maxNonRetryableTypes = 100;

/** The rule of an activity's policy, with the defaults filled in. Throws INVALID_FIELD. */
export function fillRetryRule(policy: RetryPolicy | undefined, field: string): RetryRule {
  return fillRule(policy, field, defaultMaximumAttempts);
}

/** The rule of a workflow's policy, which by default has no limit of attempts. Throws INVALID_FIELD. */
export function fillRunRetryRule(policy: RetryPolicy, field: string): RetryRule {
  return fillRule(policy, field, 0);
}

function fillRule(policy: RetryPolicy | undefined, field: string, attempts: number): RetryRule {
  const initialMs = readMs(policy?.initialInterval, `${field}.initial_interval`) ?? defaultInitialMs;
  const rule: RetryRule = {
    initialMs,
    coefficient: policy?.backoffCoefficient ?? defaultCoefficient,
    maximumMs: readMs(policy?.maximumInterval, `${field}.maximum_interval`) ?? initialMs * maximumPerInitial,
    maximumAttempts: policy?.maximumAttempts ?? attempts,
    nonRetryableTypes: policy?.nonRetryableTypes ?? [],
    jitter: policy?.jitter ?? defaultJitter,
  };
  checkRule(rule, field);
  return rule;
}

/** A rule as a policy, as events show it. */
export function retryPolicyOf(rule: RetryRule) {
  return {
    initialInterval: durationOf(rule.initialMs),
    backoffCoefficient: rule.coefficient,
    maximumInterval: durationOf(rule.maximumMs),
    maximumAttempts: rule.maximumAttempts,
    nonRetryableTypes: [...rule.nonRetryableTypes],
    jitter: rule.jitter,
  };
}

/** Whether another attempt is made, and when. */
export type RetryDecision =
  | { readonly isRetried: true; readonly at: Micros }
  | { readonly isRetried: false; readonly retryState: RetryState };

/** Work that may be tried again: an activity, or a run. */
export interface Attempted {
  readonly retry: RetryRule;
  /** The attempt that has failed, from 1. */
  readonly attempt: number;
  /** When all attempts must have ended. */
  readonly expiresAt: Micros | undefined;
  /** Set once its cancellation was requested. */
  readonly cancelRequestedEventId: number | undefined;
}

/** Decides what follows when the attempt at hand has failed. */
export function decideRetry(
  { retry, attempt, expiresAt, cancelRequestedEventId }: Attempted,
  failure: Failure,
  now: Micros,
  context: Context,
): RetryDecision {
  if (cancelRequestedEventId !== undefined) return stop(RetryState.CANCEL_REQUESTED);
  if (isNonRetryable(failure, retry)) return stop(RetryState.NON_RETRYABLE_FAILURE);
  if (retry.maximumAttempts > 0 && attempt >= retry.maximumAttempts) {
    return stop(RetryState.MAXIMUM_ATTEMPTS_REACHED);
  }
  const at = addMicros(now, ownDelay(failure) ?? backoff(retry, attempt, context.random()));
  if (expiresAt !== undefined && at >= expiresAt) return stop(RetryState.TIMEOUT);
  return { isRetried: true, at };
}

function stop(retryState: RetryState): RetryDecision {
  return { isRetried: false, retryState };
}

function isNonRetryable({ kind }: Failure, rule: RetryRule): boolean {
  switch (kind.case) {
    case "application":
      return kind.value.nonRetryable || rule.nonRetryableTypes.includes(kind.value.type);
    case "server":
      return kind.value.nonRetryable;
    case "cancelled":
    case "terminated":
      return true;
    default:
      return false;
  }
}

/** The failure's own wait, in microseconds, which overrides the rule's. */
function ownDelay({ kind }: Failure): Micros | undefined {
  if (kind.case !== "application" || kind.value.nextRetryDelay === undefined) return undefined;
  return readMicros(kind.value.nextRetryDelay, "next_retry_delay");
}

/** The wait before attempt n + 1, in microseconds; `random` is from 0 to 1. */
function backoff(rule: RetryRule, attempt: number, random: number): Micros {
  const ms = Math.min(rule.initialMs * rule.coefficient ** (attempt - 1), rule.maximumMs);
  return Math.round(ms * 1000 * (1 + rule.jitter * (2 * random - 1)));
}

function checkRule(rule: RetryRule, field: string): void {
  const { coefficient, maximumAttempts, jitter, nonRetryableTypes } = rule;
  if (!(coefficient >= 1 && coefficient <= 1000)) {
    throw invalidField(`${field}.backoff_coefficient`, "must be from 1 to 1000");
  }
  if (maximumAttempts < 0) throw invalidField(`${field}.maximum_attempts`, "must not be negative");
  if (!(jitter >= 0 && jitter <= 1)) throw invalidField(`${field}.jitter`, "must be from 0 to 1");
  if (nonRetryableTypes.length > maxNonRetryableTypes) {
    throw invalidField(`${field}.non_retryable_types`, `must have at most ${maxNonRetryableTypes} items`);
  }
  for (const type of nonRetryableTypes) checkText(type, `${field}.non_retryable_types`);
}
