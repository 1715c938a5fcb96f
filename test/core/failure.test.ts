import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { checkFailure, cutFailure } from "../../src/core/failure.js";
import { defaultLimits } from "../../src/core/limits.js";
import { reasonOf } from "./scenario.js";

type FailureInit = MessageInitShape<typeof FailureSchema>;

const limits = { maxDetailsBytes: 1024 };
const large = { body: { case: "data", value: new Uint8Array(2_000) } } as const;
const notJson = { body: { case: "json", value: "{" } } as const;

function cut(init: FailureInit) {
  const failure = cutFailure(create(FailureSchema, init), limits);
  expect(toBinary(FailureSchema, failure).length).toBeLessThanOrEqual(limits.maxDetailsBytes);
  return failure;
}

describe("a failure", () => {
  it("stays as it is within its limit", () => {
    const failure = create(FailureSchema, { message: "no" });
    expect(cutFailure(failure, limits)).toBe(failure);
  });

  it.each<NonNullable<FailureInit["kind"]>>([
    { case: "application", value: { type: "Declined", details: large } },
    { case: "cancelled", value: { details: large } },
    { case: "timeout", value: { lastHeartbeatDetails: large } },
    { case: "reset", value: { lastHeartbeatDetails: large } },
  ])("loses its details first: %o", (kind) => {
    const failure = cut({ message: "no", kind, cause: { message: "since", kind } });
    expect(failure).toMatchObject({
      message: "no",
      truncated: true,
      kind: { case: kind.case },
      cause: { message: "since" },
    });
  });

  it("loses stack traces, then causes and encoded attributes, then text", () => {
    const stackTrace = "x".repeat(2_000);
    expect(cut({ message: "no", stackTrace }).stackTrace).toBe("");
    const caused = cut({ message: "no", cause: { message: stackTrace }, encodedAttributes: large });
    expect(caused).toMatchObject({ message: "no", truncated: true });
    expect(caused.cause).toBeUndefined();
    const value = { type: "T".repeat(2_000), nonRetryable: true };
    const text = cut({ message: "é".repeat(2_000), kind: { case: "application", value } });
    expect(text.kind.value).toMatchObject({ nonRetryable: true, type: "T".repeat(64) });
    expect(cut({ message: `${"x".repeat(63)}😀${stackTrace}` }).message).toBe("x".repeat(63));
    const identity = "i".repeat(2_000);
    expect(
      cut({ message: "no", kind: { case: "terminated", value: { identity } } }).kind.case,
    ).toBeUndefined();
  });

  it.each<FailureInit>([
    { encodedAttributes: notJson },
    { kind: { case: "application", value: { details: notJson } } },
    { kind: { case: "cancelled", value: { details: notJson } } },
    { kind: { case: "timeout", value: { lastHeartbeatDetails: notJson } } },
    { kind: { case: "reset", value: { lastHeartbeatDetails: notJson } } },
    { kind: { case: "server", value: {} }, cause: { encodedAttributes: notJson } },
  ])("is refused with a payload that is not JSON: %o", (init) => {
    expect(reasonOf(() => checkFailure(create(FailureSchema, init), "failure", defaultLimits))).toBe(
      "INVALID_PAYLOAD",
    );
  });
});
