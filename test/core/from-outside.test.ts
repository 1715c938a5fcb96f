import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { HeaderSchema, PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { ActivityCompletionSchema } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { completeActivity } from "../../src/core/activity.js";
import { cancelWorkflow } from "../../src/core/cancel.js";
import { signalWorkflow } from "../../src/core/signal.js";
import { terminateWorkflow } from "../../src/core/terminate.js";
import { wake } from "../../src/core/wake.js";
import { caller, commands, newScenario, reasonOf, type Scenario } from "./scenario.js";

function cancel(
  run: Scenario,
  rest: { cancelPending?: boolean; requestId?: string; contentHash?: string } = {},
) {
  const input = { reason: "stop", cancelPending: false, requestId: "", contentHash: "h", caller, ...rest };
  return run.apply((state, context) => cancelWorkflow(state, input, context));
}

function terminate(run: Scenario, requestId = "", reason = "", contentHash = "h") {
  const details = reason === "" ? undefined : create(PayloadSchema, { body: { case: "json", value: "1" } });
  const input = { reason, details, requestId, contentHash, caller };
  run.apply((state, context) => terminateWorkflow(state, input, context));
}

describe("a signal", () => {
  it("is in history once, however often its request is sent", () => {
    const run = newScenario();
    run.signal("a", "r");
    const before = run.state;
    run.signal("a", "r");
    expect(run.state).toBe(before);
    expect(run.kinds().slice(2)).toEqual(["signalReceived"]);
    expect(run.state.keys.get("signal:r")).toEqual({
      kind: "signal",
      key: "r",
      eventId: 3,
      contentHash: "h",
    });
    const rest = { payload: undefined, header: undefined, links: [], contentHash: "other", caller };
    const reused = () => signalWorkflow(run.state, { name: "b", requestId: "r", ...rest }, run.context());
    expect(reasonOf(reused)).toBe("REQUEST_ID_REUSED");
  });

  it("gets its event id when the started task closes", () => {
    const run = newScenario();
    run.takeTask();
    run.signal("a", "r");
    expect(run.state.keys.get("signal:r")?.eventId).toBe(0);
    run.signal("b");
    run.complete([]);
    expect(run.state.keys.get("signal:r")?.eventId).toBe(5);
  });

  it("carries what the caller gives", () => {
    const run = newScenario();
    const payload = create(PayloadSchema, { body: { case: "json", value: "1" } });
    const input = {
      name: "a",
      payload,
      header: create(HeaderSchema),
      links: [],
      requestId: "",
      contentHash: "",
      caller,
    };
    run.apply((state, context) => signalWorkflow(state, input, context));
    expect(run.last("signalReceived")).toMatchObject({ payload, header: {} });
    expect(reasonOf(() => signalWorkflow(run.state, { ...input, name: "" }, run.context()))).toBe(
      "INVALID_FIELD",
    );
  });

  it("is refused by a closed run, but for a repeat", () => {
    const run = newScenario();
    run.signal("a", "r");
    run.runTask(commands.done());
    expect(reasonOf(() => run.signal("b"))).toBe("WORKFLOW_CLOSED");
    run.signal("a", "r");
  });
});

describe("terminating a run", () => {
  it("ends it at once, whatever is pending, and only once", () => {
    const run = newScenario();
    run.runTask(commands.activity(1), commands.timer(2, 5));
    run.signal();
    run.takeTask();
    run.signal("late");
    terminate(run, "r");
    expect(run.kinds().slice(-3)).toEqual(["workflowTaskFailed", "signalReceived", "workflowTerminated"]);
    expect(run.last("workflowTerminated").reason).toBe("terminated");
    expect(run.state).toMatchObject({
      status: WorkflowStatus.TERMINATED,
      activities: new Map(),
      timers: new Map(),
    });
    const before = run.state;
    terminate(run, "r");
    expect(run.state).toBe(before);
    expect(reasonOf(() => terminate(run))).toBe("WORKFLOW_CLOSED");
    expect(reasonOf(() => terminate(run, "r", "", "other"))).toBe("REQUEST_ID_REUSED");
  });

  it("writes no end of an attempt that is out of history", () => {
    const run = newScenario();
    run.takeTask();
    run.pass(10_000);
    run.apply(wake);
    run.takeTask();
    run.signal("late");
    terminate(run);
    expect(run.kinds().slice(3)).toEqual(["workflowTaskTimedOut", "signalReceived", "workflowTerminated"]);
  });

  it("keeps the reason", () => {
    const run = newScenario();
    terminate(run, "", "too slow");
    expect(run.last("workflowTerminated")).toMatchObject({ reason: "too slow", details: {} });
  });
});

describe("cancelling a run", () => {
  it("ends one that no worker has touched", () => {
    const run = newScenario();
    expect(cancel(run, { requestId: "r" })).toEqual({ status: WorkflowStatus.CANCELLED });
    expect(run.kinds().slice(2)).toEqual(["workflowCancelRequested", "workflowCancelled"]);
    expect(cancel(run, { requestId: "r" })).toEqual({ status: WorkflowStatus.CANCELLED });
    expect(reasonOf(() => cancel(run))).toBe("WORKFLOW_CLOSED");
  });

  it("tells workflow code, which decides; a repeat changes nothing", () => {
    const run = newScenario();
    run.runTask(commands.activity(1), commands.timer(2, 60));
    expect(cancel(run)).toEqual({ status: WorkflowStatus.RUNNING });
    expect(run.kinds().slice(-2)).toEqual(["workflowCancelRequested", "workflowTaskScheduled"]);
    const before = run.state;
    cancel(run, { cancelPending: true, requestId: "again" });
    expect(run.state).toBe(before);
    run.runTask(commands.cancelled());
    expect(run.state.status).toBe(WorkflowStatus.CANCELLED);
    expect(run.last("workflowCancelled").taskCompletedEventId).toBe(run.history.length - 1);
  });

  it("takes details with the end", () => {
    const run = newScenario();
    run.takeTask();
    cancel(run);
    run.complete([]);
    run.runTask({
      kind: { case: "cancelWorkflow", value: { details: { body: { case: "json", value: "1" } } } },
    });
    expect(run.last("workflowCancelled").details).toBeDefined();
  });

  it("cancels what is pending if asked to, naming the request as the cause", () => {
    const run = newScenario();
    run.runTask(commands.timer(1, 60), commands.activity(2), commands.activity(3));
    run.takeActivity(3);
    cancel(run, { cancelPending: true });
    const causeEventId = run.last("workflowCancelRequested").eventId;
    expect(run.kinds().slice(causeEventId)).toEqual([
      "timerCancelled",
      "activityCancelRequested",
      "activityCancelled",
      "activityCancelRequested",
      "workflowTaskScheduled",
    ]);
    expect(run.last("timerCancelled").causeEventId).toBe(causeEventId);
    expect([...run.state.activities.keys()]).toEqual([3]);
  });

  it("does so at once and records it later while a task is started", () => {
    const run = newScenario();
    run.runTask(commands.timer(1, 60), commands.activity(2), commands.activity(3));
    const fence = run.takeActivity(3);
    run.signal();
    run.takeTask();
    cancel(run, { cancelPending: true, requestId: "r" });
    expect(run.state).toMatchObject({ cancelRequestedEventId: 0, timers: new Map() });
    expect(run.state.activities.get(3)?.cancelRequestedEventId).toBe(0);
    run.complete([commands.cancelTimer(1), commands.cancelActivity(2), commands.cancelActivity(3)]);
    const causeEventId = run.last("workflowCancelRequested").eventId;
    const requested = run.last("activityCancelRequested");
    expect(run.last("timerCancelled")).toMatchObject({ causeEventId, taskCompletedEventId: 0 });
    expect(requested).toMatchObject({ causeEventId, seq: 3 });
    expect(run.last("activityCancelled")).toMatchObject({
      cancelRequestedEventId: requested.eventId - 2,
      seq: 2,
    });
    expect(run.state.activities.get(3)?.cancelRequestedEventId).toBe(requested.eventId);
    expect(run.state.keys.get("cancel:r")?.eventId).toBe(causeEventId);
    run.takeTask();
    const completion = create(ActivityCompletionSchema, { outcome: { case: "cancelled", value: {} } });
    const input = { target: { kind: "fence", fence }, completion, caller, workerId: "" } as const;
    run.apply((state, context) => completeActivity(state, input, context));
    run.complete([]);
    expect(run.last("activityCancelled")).toMatchObject({
      cancelRequestedEventId: requested.eventId,
      seq: 3,
    });
  });
});
