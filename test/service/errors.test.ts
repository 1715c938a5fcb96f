import { expect, test } from "vitest";
import { Code } from "../../gen/google/rpc/code_pb.js";
import { ErrorReason, ErrorReasonSchema } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../../src/core/errors.js";
import { codeOf, describeError, reasonName, toOperationError, toStatus } from "../../src/service/errors.js";
import { readReasons } from "../../tools/error-docs.js";

test("gives every reason the code that its comment documents", async () => {
  const documented = (await readReasons()).map(({ name, number, code }) => ({ name, number, code }));
  const actual = ErrorReasonSchema.values.map(({ name, number }) => ({
    name: name.replace("ERROR_REASON_", ""),
    number,
    code: Code[codeOf(number)],
  }));
  expect(actual).toEqual(documented);
});

test("names reasons without their prefix", () => {
  expect(reasonName(ErrorReason.STALE_LEASE)).toBe("STALE_LEASE");
});

test("tells nothing of a fault but that there was one", () => {
  const described = describeError(new Error("password is hunter2"));
  expect(described).toMatchObject({ code: Code.INTERNAL, reason: ErrorReason.INTERNAL });
  expect(JSON.stringify(described)).not.toContain("hunter2");
  expect(describeError("thrown text")).toEqual(described);
});

test("gives an element of a batch the error that a call with it alone would have", () => {
  const error = new RefusedError(ErrorReason.PENDING_LIMIT, "too many timers", { kind: "timer" });
  const { code, message } = toStatus(describeError(error));
  expect(toOperationError(error)).toEqual({
    code,
    message,
    reason: ErrorReason.PENDING_LIMIT,
    metadata: { kind: "timer" },
  });
});
