import { expect, test, vi } from "vitest";

async function loadCopy() {
  vi.resetModules();
  const client = await import("../../src/sdk/client/index.js");
  const { encodeFailure } = await import("../../src/sdk/failure-codec.js");
  const { defineType } = await import("../../src/sdk/workflow/index.js");
  const { decodePayload, encodePayload } = await import("../../src/sdk/payload.js");
  return { ...client, encodeFailure, defineType, encodePayload, decodePayload };
}

test("errors and failures of one loaded copy of the package are known by another", async () => {
  const ours = await loadCopy();
  const theirs = await loadCopy();
  expect(theirs.ApplicationFailure).not.toBe(ours.ApplicationFailure);
  const declined = new theirs.ApplicationFailure("declined", { type: "CardDeclined", isNonRetryable: true });
  expect(declined).toBeInstanceOf(ours.ApplicationFailure);
  expect(declined).not.toBeInstanceOf(ours.CancelledFailure);
  expect(ours.encodeFailure(declined).kind).toMatchObject({
    case: "application",
    value: { type: "CardDeclined", nonRetryable: true },
  });
  const busy = new theirs.PawlError("busy", { code: 8, reason: "SERVER_BUSY", metadata: {} });
  expect(busy).toBeInstanceOf(ours.PawlError);
  expect(ours.isTransient(busy)).toBe(true);
  const closed = new theirs.WorkflowClosedError("closed", { code: 9, reason: "", metadata: {} });
  expect(closed).toBeInstanceOf(ours.WorkflowClosedError);
  expect(closed).toBeInstanceOf(ours.PawlError);
  expect(busy).not.toBeInstanceOf(ours.WorkflowClosedError);
  const failed = new theirs.WorkflowFailedError({ workflowId: "w", runId: "r", status: "FAILED" });
  expect(failed).toBeInstanceOf(ours.WorkflowFailedError);
});

test("a type that is defined by one loaded copy is known by another", async () => {
  const ours = await loadCopy();
  const theirs = await loadCopy();
  theirs.defineType<Set<unknown>, unknown[]>("Set", {
    is: (value) => value instanceof Set,
    encode: (set) => [...set],
    decode: (items) => new Set(items),
  });
  expect(ours.decodePayload(ours.encodePayload({ set: new Set([1]) }))).toEqual({ set: new Set([1]) });
});

test("a class that is derived from a failure takes its own objects alone", async () => {
  const { ApplicationFailure } = await loadCopy();
  class CardDeclined extends ApplicationFailure {}
  const own = new CardDeclined("declined");
  expect(own).toBeInstanceOf(CardDeclined);
  expect(own).toBeInstanceOf(ApplicationFailure);
  expect(new ApplicationFailure("other")).not.toBeInstanceOf(CardDeclined);
  for (const value of [undefined, null, "text", {}]) expect(value instanceof ApplicationFailure).toBe(false);
});
