import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FailureSchema, RetryState } from "../../gen/pawl/v1/failure_pb.js";
import { RetryPolicySchema } from "../../gen/pawl/v1/retry_policy_pb.js";
import { decideRetry, fillRetryRule } from "../../src/core/retry-rule.js";
import type { ActivityState } from "../../src/core/run-state.js";
import { commands, contextAt, newScenario, reasonOf } from "./scenario.js";

function decide(failure: MessageInitShape<typeof FailureSchema>, rest: Partial<ActivityState> = {}) {
  const run = newScenario();
  run.runTask(commands.activity(1));
  const activity = { ...(run.state.activities.get(1) as ActivityState), ...rest };
  return decideRetry(activity, create(FailureSchema, failure), run.now, contextAt(run.now));
}

const retry = fillRetryRule(create(RetryPolicySchema, { nonRetryableTypes: ["Declined"] }), "p");

describe("a retry rule", () => {
  it.each<[MessageInitShape<typeof FailureSchema>, RetryState | undefined]>([
    [{}, undefined],
    [{ kind: { case: "application", value: { type: "Other" } } }, undefined],
    [{ kind: { case: "application", value: { type: "Declined" } } }, RetryState.NON_RETRYABLE_FAILURE],
    [{ kind: { case: "application", value: { nonRetryable: true } } }, RetryState.NON_RETRYABLE_FAILURE],
    [{ kind: { case: "server", value: {} } }, undefined],
    [{ kind: { case: "server", value: { nonRetryable: true } } }, RetryState.NON_RETRYABLE_FAILURE],
    [{ kind: { case: "cancelled", value: {} } }, RetryState.NON_RETRYABLE_FAILURE],
    [{ kind: { case: "terminated", value: {} } }, RetryState.NON_RETRYABLE_FAILURE],
  ])("decides by the kind of failure: %o", (failure, retryState) => {
    expect(decide(failure, { retry })).toMatchObject(
      retryState === undefined ? { isRetried: true } : { isRetried: false, retryState },
    );
  });

  it("waits as the failure says, if it does", () => {
    const run = newScenario();
    const nextRetryDelay = { seconds: 7n, nanos: 0 };
    const decision = decide({ kind: { case: "application", value: { nextRetryDelay } } });
    expect(decision).toEqual({ isRetried: true, at: run.now + 7_000_000 });
  });

  it("never waits longer than the maximum, nor past the end of all attempts", () => {
    const run = newScenario();
    const unlimited = { ...retry, maximumAttempts: 0 };
    expect(decide({}, { retry: unlimited, attempt: 5_000 })).toEqual({
      isRetried: true,
      at: run.now + 100_000_000,
    });
    const expiresAt = run.now + 1_000_000;
    expect(decide({}, { expiresAt })).toEqual({ isRetried: false, retryState: RetryState.TIMEOUT });
    expect(decide({}, { expiresAt: expiresAt + 1 })).toMatchObject({ isRetried: true });
  });

  it.each([
    { initialInterval: { seconds: -1n, nanos: 0 } },
    { backoffCoefficient: 0.5 },
    { backoffCoefficient: Number.NaN },
    { backoffCoefficient: 1_001 },
    { maximumAttempts: -1 },
    { jitter: -0.1 },
    { jitter: 1.1 },
    { nonRetryableTypes: Array.from({ length: 101 }, () => "x") },
    { nonRetryableTypes: ["\0"] },
  ])("is refused with %o", (policy) => {
    expect(reasonOf(() => fillRetryRule(create(RetryPolicySchema, policy), "p"))).toBe("INVALID_FIELD");
  });
});
