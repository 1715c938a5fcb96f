import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { closingOutcome, isClosing } from "../../src/core/closing-outcome.js";
import { commands, newScenario } from "./scenario.js";

const eventOf = (kind: MessageInitShape<typeof HistoryEventSchema>["kind"]) =>
  create(HistoryEventSchema, { eventId: 5, identity: "ada", ...(kind && { kind }) });
const payload = { body: { case: "json" as const, value: "1" } };
const { state } = newScenario();
const outcomeOf = (kind: Parameters<typeof eventOf>[0]) => closingOutcome(state, eventOf(kind));

test("an outcome has the value of the event that closed the run, and when that was", () => {
  const scenario = newScenario();
  scenario.runTask(commands.done());
  const closing = scenario.history.at(-1) ?? eventOf(undefined);
  const { outcome, nextRunId } = closingOutcome(scenario.state, closing);
  expect(nextRunId).toBe("");
  expect(outcome).toMatchObject({
    status: WorkflowStatus.COMPLETED,
    value: { case: "result", value: payload },
  });
  expect(outcome.closeTime).toEqual(closing.eventTime);
  expect(scenario.history.map(isClosing)).toEqual([...Array(4).fill(false), true]);
});

test("every way of ending has its outcome, and says which run goes on", () => {
  const completed = outcomeOf({ case: "workflowCompleted", value: { nextRunId: "next" } });
  expect(completed).toMatchObject({ outcome: { runId: state.runId }, nextRunId: "next" });
  expect(completed.outcome.value).toBeUndefined();
  const failed = outcomeOf({
    case: "workflowFailed",
    value: { failure: { message: "no" }, nextRunId: "next" },
  });
  expect(failed).toMatchObject({ outcome: { value: { value: { message: "no" } } }, nextRunId: "next" });
  expect(outcomeOf({ case: "workflowFailed", value: {} }).outcome.value).toBeUndefined();
  const late = outcomeOf({ case: "workflowTimedOut", value: { nextRunId: "next" } });
  expect(late).toMatchObject({
    outcome: { value: { value: { kind: { case: "timeout" } } } },
    nextRunId: "next",
  });
  const cancelled = outcomeOf({ case: "workflowCancelled", value: { details: payload } });
  expect(cancelled.outcome.value).toMatchObject({ value: { kind: { value: { details: payload } } } });
  const bare = outcomeOf({ case: "workflowCancelled", value: {} });
  expect(bare.outcome.value).toMatchObject({
    value: { message: "the run was cancelled", kind: { value: {} } },
  });
  const goesOn = outcomeOf({ case: "workflowContinuedAsNew", value: { newRunId: "next" } });
  expect(goesOn).toEqual({ outcome: { runId: state.runId, status: state.status }, nextRunId: "next" });
});

test("what replaced a terminated run goes on for it if a reset made it", () => {
  const value = { reason: "enough", nextRunId: "next" };
  const replaced = outcomeOf({ case: "workflowTerminated", value });
  expect(replaced.nextRunId).toBe("");
  expect(replaced.outcome.value).toMatchObject({
    value: { message: "enough", kind: { value: { identity: "ada" } } },
  });
  expect(outcomeOf({ case: "workflowTerminated", value: { ...value, isReset: true } }).nextRunId).toBe(
    "next",
  );
});

test("another event closes nothing", () => {
  expect(() => outcomeOf({ case: "timerFired", value: {} })).toThrow("event 5 of run");
});
